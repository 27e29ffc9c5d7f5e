//! Comments, as far as Proxmox keeps them.

use super::parsed::parsed;

parsed! {
    /// A comment of a replication job: one line that survives being written and read again.
    Comment, "pve-comment", |text| {
        kept(text)?;
        undecoded(text)
    }
}

parsed! {
    /// A comment of an HA resource or group. One character beyond U+00FF makes Proxmox write the whole file anew in another
    /// encoding than it reads, which breaks the comments of all others, too.
    Latin1Comment, "pve-latin1-comment", |text| {
        kept(text)?;
        match text.chars().find(|c| u32::from(*c) > 0xff) {
            Some(c) => Err(format!(
                "must consist of characters up to U+00FF: one like {c:?} makes Proxmox break all comments of HA resources and groups"
            )),
            None => Ok(()),
        }
    }
}

parsed! {
    /// A comment of an HA rule. The rules file encodes comments in a way that breaks whatever is not ASCII.
    AsciiComment, "pve-ascii-comment", |text| {
        kept(text)?;
        undecoded(text)?;
        match text.chars().find(|c| !c.is_ascii()) {
            Some(c) => Err(format!("must be ASCII: Proxmox breaks characters such as {c:?} in comments of HA rules")),
            None => Ok(()),
        }
    }
}

/// `%41` is not encoded when it is written, and is an `A` when it is read.
fn undecoded(text: &str) -> Result<(), String> {
    let is_code = |three: &[u8]| three[0] == b'%' && three[1..].iter().all(u8::is_ascii_hexdigit);
    match text.as_bytes().windows(3).find(|three| is_code(three)) {
        Some(code) => {
            let code = String::from_utf8_lossy(code);
            Err(format!("can't contain {code}: Proxmox reads it back as the character with that code"))
        }
        None => Ok(()),
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
        assert!("a%20b".parse::<Comment>().is_err() && "a%20b".parse::<AsciiComment>().is_err());
        assert!("a%20b".parse::<Latin1Comment>().is_ok());
        assert!("100% ä, 5%a".parse::<Comment>().is_ok());
        assert!("grün".parse::<Latin1Comment>().is_ok());
        assert!("x – y".parse::<Latin1Comment>().is_err());
        assert!("x – y".parse::<Comment>().is_ok());
        assert!("".parse::<AsciiComment>().is_ok());
    }
}
