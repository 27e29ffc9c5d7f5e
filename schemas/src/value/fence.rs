//! The texts that fence.cfg can hold: `PVE::HA::FenceConfig` cuts, splits or drops all others without an error.

use super::ident::NodeName;
use super::parsed::parsed;

parsed! {
    /// The name of a fence device.
    FenceName, "pve-fence-name", |text| {
        if !text.is_empty() && text.bytes().all(is_word) {
            return Ok(());
        }
        Err("must be letters, digits and _ only: Proxmox cuts the name of a fence device at anything else, a dash too".to_owned())
    }
}

parsed! {
    /// The program that does the fencing.
    FenceAgent, "pve-fence-agent", |text| {
        // The command line is built without quoting the program.
        let good = |b: u8| is_word(b) || b"./+-".contains(&b);
        if !text.is_empty() && text.bytes().all(good) && !text.starts_with('-') {
            return Ok(());
        }
        Err("must be the name of a fence agent, such as fence_ipmilan".to_owned())
    }
}

parsed! {
    /// A node that a fence device is connected to.
    FenceNode, "pve-fence-node", |text| {
        if text.contains('-') && text.parse::<NodeName>().is_ok() {
            return Err("can't have a dash: Proxmox cuts node names at a dash in fence.cfg, so no fence device can be connected to this node. Leave the `connect` block out; the watchdog (`pve_node_watchdog`) protects the node all the same".to_owned());
        }
        text.parse::<NodeName>().map(|_| ()).map_err(|malformed| malformed.0)
    }
}

/// The name of an option: it becomes a part of the agent's command line, unquoted.
pub(super) fn option_name(text: &str) -> Result<(), String> {
    let good = |b: u8| is_word(b) || b == b'-';
    if !text.is_empty() && text.bytes().all(good) && !text.starts_with('-') {
        return Ok(());
    }
    Err("must be the name of an option of the agent: letters, digits, _ and -, without leading dashes".to_owned())
}

/// The value of an option.
pub(super) fn option_value(text: &str) -> Result<(), String> {
    if text.contains('=') {
        return Err("can't contain =, which fence.cfg can't carry inside a value".to_owned());
    }
    if text.contains('\'') {
        return Err("can't contain ': Proxmox puts values between such quotes into the agent's command line".to_owned());
    }
    if text.contains(char::is_control) {
        return Err("must be one line without control characters".to_owned());
    }
    Ok(())
}

/// Perl's `\w` in a file read as bytes.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fence_cfg_would_cut_is_refused() {
        for text in ["my-dev", "", "d:1", "grün", "a b"] {
            assert!(text.parse::<FenceName>().is_err(), "{text}");
        }
        assert!("ipmi_1".parse::<FenceName>().is_ok());
        for text in ["pve-1", "", "-a", "a_b", "a.b"] {
            assert!(text.parse::<FenceNode>().is_err(), "{text}");
        }
        assert!("pve1".parse::<FenceNode>().is_ok());
        for text in ["", "-x", "fence_a;b", "fence a", "$(x)"] {
            assert!(text.parse::<FenceAgent>().is_err(), "{text}");
        }
        assert!("fence_ipmilan".parse::<FenceAgent>().is_ok());
    }

    #[test]
    fn options_that_would_break_the_command_line_are_refused() {
        for text in ["", "-k", "a=b", "a b", "a'b"] {
            assert!(option_name(text).is_err(), "{text}");
        }
        assert!(option_name("power-wait").is_ok());
        for text in ["a=b", "it's", "a\nb", "a\0b"] {
            assert!(option_value(text).is_err(), "{text}");
        }
        for text in ["", "10.0.0.1", "a b", "\\", "\"x\"", "$(x)", "# no comment"] {
            assert!(option_value(text).is_ok(), "{text}");
        }
    }
}
