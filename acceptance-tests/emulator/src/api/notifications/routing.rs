//! The targets of an event, and the message to each of them.

use super::config::Config;
use super::delivery::{Delivery, Parcel, gotify, sendmail, smtp, webhook};
use super::event::Event;
use super::file::Section;
use super::kinds::SectionKind;
use super::matcher;
use super::templates::{self, Message};
use crate::api::options;
use crate::world::World;

/// What a target is sent with.
pub(super) struct Sending<'a> {
    pub(super) world: &'a World,
    pub(super) event: &'a Event,
    pub(super) message: &'a Message,
    pub(super) target: &'a Section,
    pub(super) secrets: Option<&'a Section>,
    /// The node that sends.
    pub(super) sender: &'a str,
}

/// The deliveries of an event: one for each enabled target that an enabled matcher names.
pub(super) fn route(world: &World, event: &Event, sender: &str) -> Vec<Delivery> {
    let config = Config::read(world);
    let mut names: Vec<String> = Vec::new();
    for matcher in config.of_kind(SectionKind::Matcher).filter(|matcher| !matcher.flag("disable")) {
        // A rule that can't be read is an error in the log of the node; the other matchers are not affected.
        if matcher::matches(matcher, event) == Ok(true) {
            names.extend(matcher.list("target"));
        }
    }
    let mut once = std::collections::BTreeSet::new();
    names.retain(|name| once.insert(name.clone()));
    let targets = names.iter().filter_map(|name| config.target(name)).filter(|target| !target.flag("disable"));
    targets.map(|target| address(world, &config, target, event, sender)).collect()
}

/// What a target is sent of an event.
pub(super) fn address(world: &World, config: &Config, target: &Section, event: &Event, sender: &str) -> Delivery {
    let (title, parcel) = match templates::render(world, event, sender) {
        Ok(message) => {
            let secrets = config.secrets_of(&target.name);
            let parcel = pack(&Sending { world, event, message: &message, target, secrets, sender });
            (message.title, parcel)
        }
        Err(why) => (String::new(), Err(why)),
    };
    Delivery { target: target.name.clone(), kind: target.kind.as_str(), title, parcel }
}

fn pack(sending: &Sending<'_>) -> Result<Parcel, String> {
    match sending.target.kind {
        SectionKind::Gotify => gotify::pack(sending).map(Parcel::Http),
        SectionKind::Webhook => webhook::pack(sending).map(Parcel::Http),
        SectionKind::Smtp => smtp::pack(sending).map(Parcel::Smtp),
        SectionKind::Sendmail => sendmail::pack(sending).map(Parcel::Sendmail),
        SectionKind::Matcher => Err("a matcher receives nothing".to_owned()),
    }
}

impl Sending<'_> {
    /// A secret of the target.
    pub(super) fn secret(&self, name: &str) -> Option<String> {
        self.secrets.and_then(|secrets| secrets.text(name)).map(str::to_owned)
    }

    /// The addresses of the target; a user without one has none.
    pub(super) fn recipients(&self) -> Vec<String> {
        let users = self.target.list("mailto-user");
        let of = |user: &String| self.world.access.users.get(user).map(|user| user.email.clone());
        let addresses = users.iter().filter_map(of).filter(|address| !address.is_empty());
        self.target.list("mailto").into_iter().chain(addresses).collect()
    }

    /// A text among the datacenter options.
    pub(super) fn option(&self, name: &str) -> Option<String> {
        options::config::Config::read(self.world).text(name).map(str::to_owned)
    }

    /// Who sends mails.
    pub(super) fn author(&self) -> String {
        self.target.text("author").unwrap_or("Proxmox VE").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::world::Pve;
    use crate::world::seed::{Initial, Seed};

    fn targets(config: &str) -> Vec<String> {
        let mut world = Seed::default_cluster("p", "s").build(Pve::V9, Initial::Seed, Clock::standing(1000.0));
        world.write_file("/etc/pve/notifications.cfg", config);
        let event = Event::package_updates("pve1", &[], 1000);
        route(&world, &event, "pve1").into_iter().map(|delivery| delivery.target).collect()
    }

    const PUSH: &str = "gotify: push\n\tserver http://x\n\n";

    #[test]
    fn each_target_is_sent_an_event_once() {
        assert_eq!(targets(""), ["mail-to-root"]);
        let two = format!("{PUSH}matcher: m1\n\ttarget push\n\ttarget push\n\nmatcher: m2\n\ttarget push\n");
        assert_eq!(targets(&two), ["push", "mail-to-root"]);
    }

    #[test]
    fn what_is_disabled_receives_and_routes_nothing() {
        let off = "matcher: default-matcher\n\tdisable true\n\ttarget mail-to-root\n\n";
        assert!(targets(off).is_empty());
        let of_push = "matcher: m1\n\ttarget push\n";
        assert_eq!(targets(&format!("{off}{PUSH}{of_push}")), ["push"]);
        assert!(targets(&format!("{off}gotify: push\n\tdisable true\n\tserver http://x\n\n{of_push}")).is_empty());
        assert!(targets(&format!("{off}matcher: m1\n\ttarget gone\n")).is_empty());
    }

    #[test]
    fn a_rule_that_cannot_be_read_stops_only_its_matcher() {
        assert_eq!(targets("matcher: m1\n\tmatch-field bad\n\ttarget mail-to-root\n"), ["mail-to-root"]);
    }
}
