//! The templates of events, and what they make of an event: a title, a text and a page.
//!
//! A template in the cluster's own folder has precedence over the one from the packages.

use handlebars::{Context, Handlebars, Helper, HelperResult, Output, RenderContext, no_escape};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::event::Event;
use crate::section_config::bytes;
use crate::world::World;

/// Where a cluster keeps templates of its own.
const OWN: &str = "/etc/pve/notification-templates/default";

/// An event as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) title: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// Renders an event that a node raises.
///
/// # Errors
/// A template that the cluster has of its own is wrong.
pub(super) fn render(world: &World, event: &Event, sender: &str) -> Result<Message, String> {
    let mut data: Map<String, Value> = event.data.as_object().cloned().unwrap_or_default();
    data.insert("hostname".to_owned(), json!(sender));
    data.insert("fqdn".to_owned(), json!(sender));
    data.insert("cluster-name".to_owned(), json!(world.cluster_name));
    let data = Value::Object(data);
    let [subject, body] = builtin(event.template);
    let part = |part: &str, builtin: &str| {
        let own = world.file_opt(&format!("{OWN}/{}-{part}.hbs", event.template)).map(bytes::to_utf8);
        let template = own.unwrap_or_else(|| builtin.to_owned());
        engine(part.ends_with(".html")).render_template(&template, &data).map_err(|why| why.to_string())
    };
    let title = part("subject.txt", subject)?;
    Ok(Message {
        title: title.trim_end_matches('\n').to_owned(),
        text: part("body.txt", body)?,
        html: part("body.html", body)?,
    })
}

fn engine(html: bool) -> Handlebars<'static> {
    let mut engine = Handlebars::new();
    if !html {
        engine.register_escape_fn(no_escape);
    }
    engine.register_helper("timestamp", Box::new(timestamp));
    engine
}

/// `{{timestamp SECONDS}}`
fn timestamp(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let seconds = helper.param(0).and_then(|param| param.value().as_i64()).unwrap_or_default();
    let time = Timestamp::from_second(seconds).map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string());
    out.write(&time.unwrap_or_default())?;
    Ok(())
}

/// Subject and body of a template of the packages.
fn builtin(template: &str) -> [&'static str; 2] {
    match template {
        "test" => ["Test notification \n", "This is a test of the notification target '{{target}}'.\n"],
        "fencing" => ["{{fence-prefix}}: {{fence-status}}\n", FENCING],
        "replication" => ["Replication Job: '{{job-id}}' failed\n", REPLICATION],
        "vzdump" => ["vzdump backup status ({{fqdn}}): {{status-text}}\n", VZDUMP],
        _ => ["New software packages available ({{fqdn}})\n", UPDATES],
    }
}

const FENCING: &str = "\
The node '{{failed-node}}' of cluster '{{cluster-name}}' failed and needs manual intervention.

Status: {{fence-prefix}}: {{fence-status}}
Time: {{timestamp fence-timestamp}}
HA manager: {{master-node}}

Nodes:
{{#each nodes}}
- {{node}}: {{status}}
{{/each}}

HA resources:
{{#each resources}}
- {{resource}}: {{state}} on {{node}}
{{/each}}
";

const REPLICATION: &str = "\
Replication job '{{job-id}}' with target '{{job-target}}' and schedule '{{job-schedule}}' failed.

Last successful sync: {{#if last-sync}}{{timestamp last-sync}}{{else}}none{{/if}}
Failures in a row: {{failure-count}}

Error:
{{error}}
";

const VZDUMP: &str = "\
{{#if error-message}}
{{error-message}}

{{/if}}
{{#each guest-table}}
{{vmid}} {{name}}: {{status}}, {{time}} s, {{size}} bytes, {{filename}}
{{/each}}

Total running time: {{total-time}} s
Total size: {{total-size}} bytes

{{logs}}
";

const UPDATES: &str = "\
The following updates are available:
{{#each available-updates}}
- {{package-name}}: {{available-version}}
{{/each}}
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::notifications::event::{Backup, FailedReplication, Fence, Managed};
    use crate::clock::Clock;
    use crate::world::Pve;
    use crate::world::seed::{Initial, Seed};

    fn world() -> World {
        Seed::default_cluster("p", "s").build(Pve::V9, Initial::Seed, Clock::standing(1000.0))
    }

    fn fence() -> Event {
        let resource = Managed { state: "fence".to_owned(), node: "pve3".to_owned(), running: true };
        let fence = Fence {
            node: "pve3".to_owned(),
            master: "pve1".to_owned(),
            prefix: "FENCE",
            status: "Try to fence node 'pve3'".to_owned(),
            nodes: [("pve3".to_owned(), "fence".to_owned())].into(),
            resources: [("vm:102".to_owned(), resource)].into(),
        };
        Event::fencing(&fence, 1000)
    }

    #[test]
    fn every_event_has_a_title_and_a_text() {
        let failed = FailedReplication {
            node: "pve1".to_owned(),
            job: "100-0".to_owned(),
            target: "pve2".to_owned(),
            schedule: "*/15".to_owned(),
            failures: 2,
            last_sync: 0,
            error: "it's full".to_owned(),
        };
        let backup = Backup { node: "pve1".to_owned(), error: Some("no space".to_owned()), ..Backup::default() };
        let render = |event: &Event| render(&world(), event, "pve1").unwrap();
        let message = render(&fence());
        assert_eq!(message.title, "FENCE: Try to fence node 'pve3'");
        assert!(
            message.text.contains("Time: 1970-01-01 00:16:40\n") && message.text.contains("- vm:102: fence on pve3\n")
        );
        let message = render(&Event::replication(&failed, 1000));
        assert_eq!(message.title, "Replication Job: '100-0' failed");
        assert!(message.text.contains("Last successful sync: none\n") && message.text.ends_with("it's full\n"));
        assert!(message.html.contains("it&#x27;s full"), "{}", message.html);
        let message = render(&Event::vzdump(&backup, 1000));
        assert_eq!(message.title, "vzdump backup status (pve1): backup failed");
        assert!(message.text.starts_with("no space\n"), "{}", message.text);
        let updates = [("pve-manager".to_owned(), "9.2.11".to_owned())];
        assert!(render(&Event::package_updates("pve1", &updates, 1000)).text.contains("- pve-manager: 9.2.11\n"));
    }

    #[test]
    fn a_template_of_the_cluster_goes_first() {
        let mut world = world();
        world.write_file(
            &format!("{OWN}/fencing-subject.txt.hbs"),
            "{{failed-node}} is gone: {{#if is-success}}+{{/if}}\n",
        );
        assert_eq!(render(&world, &fence(), "pve1").unwrap().title, "pve3 is gone: ");
        world.write_file(&format!("{OWN}/fencing-subject.txt.hbs"), "{{ bad");
        assert!(render(&world, &fence(), "pve1").is_err());
    }
}
