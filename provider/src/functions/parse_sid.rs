use pve_schemas::function::{ParseSid, ParsedSid};

use super::Compute;
use crate::framework::Refusal;

impl Compute for ParseSid {
    fn compute(&self) -> Result<ParsedSid, Refusal> {
        let id = self.text.vmid().parse().map_err(|_| Refusal::of(0, "the VMID is no number"))?;
        Ok(ParsedSid { r#type: self.text.kind().to_owned(), id })
    }
}

#[cfg(test)]
mod tests {
    use pve_schemas::function::Sid;
    use serde_json::json;

    use super::super::testing::{call, refused};
    use super::*;

    #[test]
    fn it_is_the_inverse_of_sid() {
        for sid in ["vm:100", "ct:999999999"] {
            let parts = call::<ParseSid>(&[json!(sid)]).unwrap();
            assert_eq!(call::<Sid>(&[parts["type"].clone(), parts["id"].clone()]), Ok(json!(sid)));
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in ["100", "qemu:100", "vm:99", "vm:0100", "vm:1000000000", ""] {
            let (argument, problem) = refused::<ParseSid>(&[json!(text)]);
            assert_eq!(argument, Some(0));
            assert!(problem.starts_with(&format!("text = {text:?}: must be vm:ID or ct:ID")), "{problem}");
        }
    }
}
