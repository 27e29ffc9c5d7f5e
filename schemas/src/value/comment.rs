//! Comments, as far as Proxmox keeps them.

use super::parsed::parsed;

parsed! {
    /// A comment in a section config file: one line that survives being written and read again.
    Comment, "pve-comment", kept
}

parsed! {
    /// A comment of an HA rule. The rules file encodes comments in a way that breaks whatever is not ASCII.
    AsciiComment, "pve-ascii-comment", |text| {
        kept(text)?;
        match text.chars().find(|c| !c.is_ascii()) {
            Some(c) => Err(format!("must be ASCII: Proxmox breaks characters such as {c:?} in comments of HA rules")),
            None => Ok(()),
        }
    }
}

fn kept(text: &str) -> Result<(), String> {
    if text.contains(['\n', '\r']) {
        return Err("must be a single line: Proxmox refuses a line feed in a comment".to_owned());
    }
    if text.trim() != text {
        return Err("must not begin or end with a blank: Proxmox loses it".to_owned());
    }
    if text == "0" {
        return Err("can't be \"0\": Proxmox loses a comment that is just 0".to_owned());
    }
    let length = text.chars().count();
    if length > 4096 {
        return Err(format!("must be at most 4096 characters long, is {length}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proxmox_would_lose_or_break_is_refused() {
        for text in ["a\nb", " a", "a ", "0", &"ü".repeat(4097)] {
            assert!(text.parse::<Comment>().is_err(), "{text:.20}");
        }
        assert!("grün 00".parse::<Comment>().is_ok());
        assert!("grün".parse::<AsciiComment>().is_err());
        assert!("".parse::<AsciiComment>().is_ok());
    }
}
