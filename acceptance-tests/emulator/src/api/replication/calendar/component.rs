//! One part of a calendar event: the values that hours, days and so on may have.

/// A list of values; empty stands for all.
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

    /// Reads `*`, `1`, `1..5`, `*/2`, `1/2`, `1..5/2` and lists of these.
    ///
    /// # Errors
    /// Proxmox's complaint.
    pub(super) fn parse(text: &str, (min, max): (u32, u32)) -> Result<Self, String> {
        let mut list = Vec::new();
        for item in text.split(',') {
            if item == "*" {
                return Ok(Self::default());
            }
            let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
            let (first, last) = match range.split_once("..") {
                Some((first, last)) => (number(first, (min, max))?, Some(number(last, (min, max))?)),
                None if range == "*" => (min, None),
                None => (number(range, (min, max))?, None),
            };
            let step = step.map(|step| number(step, (1, u32::MAX))).transpose()?;
            let last = last.unwrap_or(if step.is_some() { max } else { first });
            list.push(Values { first, last, step: step.unwrap_or(1) });
        }
        Ok(Self(list))
    }
}

fn number(text: &str, (min, max): (u32, u32)) -> Result<u32, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("number expected at '{text}'"));
    }
    let out_of_range = || format!("value out of range ({min}..{max})");
    text.parse().ok().filter(|value| (min..=max).contains(value)).ok_or_else(out_of_range)
}
