use pve_schemas::function::Sid;

use super::Compute;
use crate::framework::Refusal;

impl Compute for Sid {
    fn compute(&self) -> Result<String, Refusal> {
        Ok(format!("{}:{}", self.r#type.of_ha(), self.id))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{call, refused};
    use super::*;

    #[test]
    fn both_words_for_a_guest_are_accepted() {
        for (kind, sid) in [("vm", "vm:100"), ("qemu", "vm:100"), ("ct", "ct:100"), ("lxc", "ct:100")] {
            assert_eq!(call::<Sid>(&[json!(kind), json!(100)]), Ok(json!(sid)));
        }
    }

    #[test]
    fn each_argument_has_its_error() {
        let (argument, text) = refused::<Sid>(&[json!("host"), json!(100)]);
        assert_eq!((argument, text.as_str()), (Some(0), "type = \"host\": must be one of vm, qemu, ct, lxc"));
        for (id, problem) in [
            (json!(99), "id = 99: must be at least 100"),
            (json!(1_000_000_000), "id = 1000000000: must be at most 999999999"),
            (json!(100.5), "id = 100.5: must be a whole number"),
        ] {
            assert_eq!(refused::<Sid>(&[json!("vm"), id]), (Some(1), problem.to_owned()));
        }
    }
}
