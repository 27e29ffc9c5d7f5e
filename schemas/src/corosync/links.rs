//! The links as `corosync-cfgtool -s` shows them.

/// How a node sees one other node on one link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkState {
    /// The number of the link.
    pub link: u8,
    /// The id of the other node.
    pub peer: String,
    /// `connected`, `localhost` for the node itself, or how it is down.
    pub state: String,
}

impl LinkState {
    /// Whether packets get through.
    pub fn is_up(&self) -> bool {
        matches!(self.state.as_str(), "connected" | "localhost")
    }
}

impl std::fmt::Display for LinkState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "link {} to node id {} is {}", self.link, self.peer, self.state)
    }
}

/// What `corosync-cfgtool -s` has printed.
pub fn link_states(text: &str) -> impl Iterator<Item = LinkState> {
    let mut link = None;
    text.lines().filter_map(move |line| {
        if let Some(id) = line.trim().strip_prefix("LINK ID ") {
            link = id.split_whitespace().next().and_then(|id| id.parse().ok());
        }
        let (peer, state) = line.trim().strip_prefix("nodeid:")?.trim().split_once(':')?;
        Some(LinkState { link: link?, peer: peer.trim().to_owned(), state: state.trim().to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_link_has_a_state_for_each_node() {
        let printed = "Local node ID 1, transport knet\nLINK ID 0 udp\n\taddr\t= 10.0.0.1\n\tstatus:\n\t\tnodeid:          \
                       1:\tlocalhost\n\t\tnodeid:          2:\tconnected\nLINK ID 1 udp\n\taddr\t= 10.1.0.1\n\tstatus:\n\
                       \t\tnodeid:          1:\tlocalhost\n\t\tnodeid:          2:\tdisconnected\n";
        let states: Vec<LinkState> = link_states(printed).collect();
        assert_eq!(
            states.iter().map(|state| (state.link, state.is_up())).collect::<Vec<_>>(),
            [(0, true), (0, true), (1, true), (1, false)]
        );
        assert_eq!(states[3].to_string(), "link 1 to node id 2 is disconnected");
        assert_eq!(link_states("nodeid: 1: connected\nLINK ID x\nnodeid: 2: connected\n").count(), 0);
    }
}
