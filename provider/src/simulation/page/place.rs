//! Where the parts of a cluster are: on a page of their own, or in that of several clusters.

/// The place of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    WholePage,
    /// The part with this number of a page of several clusters.
    Part(usize),
}

impl Place {
    pub(super) fn is_whole_page(self) -> bool {
        self == Self::WholePage
    }

    /// The id of a section, which is unique in the page.
    pub(super) fn id(self, section: &str) -> String {
        match self {
            Self::WholePage => section.to_owned(),
            Self::Part(number) => format!("cluster-{number}-{section}"),
        }
    }

    /// The id of the whole part.
    pub(super) fn own_id(number: usize) -> String {
        format!("cluster-{number}")
    }

    /// What selectors of a rule for this place alone begin with.
    pub(super) fn selector(self) -> String {
        match self {
            Self::WholePage => String::new(),
            Self::Part(number) => format!("#{} ", Self::own_id(number)),
        }
    }
}
