//! One part of a calendar event: the values that hours, days and so on may have.

/// A list of values; empty means all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct List(pub(super) Vec<Values>);

/// Values with a step between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Values {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) step: u32,
}

impl List {
    /// Just one value.
    pub(super) fn only(value: u32) -> Self {
        Self(vec![Values { first: value, last: value, step: 1 }])
    }

    pub(super) fn contains(&self, value: u32) -> bool {
        let fits = |values: &Values| {
            (values.first..=values.last).contains(&value) && (value - values.first).is_multiple_of(values.step.max(1))
        };
        self.0.is_empty() || self.0.iter().any(fits)
    }

    pub(super) fn least(&self) -> Option<u32> {
        self.0.iter().map(|values| values.first).min()
    }

    pub(super) fn greatest(&self) -> Option<u32> {
        self.0.iter().map(|values| values.last).max()
    }

    /// Reads `*` and `*/2`, or a list of `1`, `1..5`, `1/2` and `1..5/2`. A step is a value itself, and so is bounded like one.
    ///
    /// # Errors
    /// Proxmox's complaint.
    pub(super) fn parse(text: &str, (min, max): (u32, u32)) -> Result<Self, String> {
        let step = |text: &str| number(text, (1, max));
        match text.strip_prefix('*') {
            Some("") => return Ok(Self::default()),
            Some(rest) => {
                let rest = rest.strip_prefix('/').ok_or_else(|| format!("unexpected trailing data at '{rest}'"))?;
                return Ok(Self(vec![Values { first: min, last: max, step: step(rest)? }]));
            }
            None => {}
        }
        let item = |item: &str| {
            let (range, every) = item.split_once('/').map_or((item, None), |(range, every)| (range, Some(every)));
            let (first, last) = range.split_once("..").map_or((range, None), |(first, last)| (first, Some(last)));
            let first = number(first, (min, max))?;
            let last = last.map(|last| number(last, (min, max))).transpose()?;
            if last.is_some_and(|last| first > last) {
                return Err("range start is bigger than end".to_owned());
            }
            let every = every.map(step).transpose()?;
            let last = last.unwrap_or(if every.is_some() { max } else { first });
            Ok(Values { first, last, step: every.unwrap_or(1) })
        };
        text.split(',').map(item).collect::<Result<_, _>>().map(Self)
    }
}

fn number(text: &str, (min, max): (u32, u32)) -> Result<u32, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("number expected at '{text}'"));
    }
    let out_of_range = || format!("value out of range ({min}..{max})");
    text.parse().ok().filter(|value| (min..=max).contains(value)).ok_or_else(out_of_range)
}
