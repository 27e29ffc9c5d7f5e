//! The page and JUnit: that they are well formed, and say what the report says.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::several::Fleet;
use super::{cluster, run, variables};

/// Each element's name with its attributes, in the order of the document, which has to be well formed.
fn elements(xml: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let (mut found, mut depth) = (Vec::new(), 0);
    loop {
        let event = reader.read_event().unwrap();
        let (element, is_open) = match &event {
            Event::Start(element) => (element, true),
            Event::Empty(element) => (element, false),
            Event::End(_) => {
                depth -= 1;
                continue;
            }
            Event::Eof => break,
            _ => continue,
        };
        depth += i32::from(is_open);
        let name = String::from_utf8(element.name().as_ref().to_vec()).unwrap();
        let attributes = element.attributes().map(|attribute| {
            let attribute = attribute.unwrap();
            let key = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
            let value = String::from_utf8(attribute.value.to_vec()).unwrap();
            (key, quick_xml::escape::unescape(&value).unwrap().into_owned())
        });
        found.push((name, attributes.collect()));
    }
    assert_eq!(depth, 0);
    found
}

#[tokio::test]
async fn junit_counts_what_decides_the_verdict() {
    let fleet = Fleet::start().await;
    let file = fleet.path("clusters.json");
    let ended = run(&["--clusters", &file, "--format", "junit"], &fleet.variables).await;
    let elements = elements(&ended.output);
    assert_eq!(elements[0].0, "testsuites");
    let suites: Vec<_> = elements.iter().filter(|(name, _)| name == "testsuite").collect();
    let of = |index: usize, name: &str| {
        suites[index].1.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap()
    };
    let count = |index: usize, name: &str| of(index, name).parse::<usize>().unwrap();
    assert_eq!([of(0, "name"), of(1, "name"), of(2, "name")], ["berlin", "paris-1", "rome"]);
    assert!(count(0, "failures") > 0 && count(1, "failures") > count(0, "failures"), "{suites:?}");
    assert_eq!((count(2, "tests"), count(2, "errors"), count(2, "failures")), (1, 1, 0));
    let cases = elements.iter().filter(|(name, _)| name == "testcase").count();
    assert_eq!(cases, count(0, "tests") + count(1, "tests") + count(2, "tests"));
    let names: Vec<&str> = elements
        .iter()
        .filter(|(name, _)| name == "testcase")
        .map(|(_, attributes)| attributes[1].1.as_str())
        .collect();
    assert!(
        names.contains(&"the failure of pve2 is survived") && names.contains(&"the cluster can be read"),
        "{names:?}"
    );
}

#[tokio::test]
async fn one_cluster_has_the_page_of_the_simulation_and_several_share_one() {
    let cluster = cluster("berlin").await;
    let page = run(&["--format", "html"], &variables(&cluster)).await.output;
    assert!(page.contains("<b>cluster berlin</b>") && page.contains("<section id=\"readiness\">"), "{page}");

    let fleet = Fleet::start().await;
    let file = fleet.path("clusters.json");
    let page = run(&["--clusters", &file, "--format", "html"], &fleet.variables).await.output;
    for text in
        ["<!DOCTYPE html>", "0 of 3 clusters are ready, 1 could not be read", "<h2>paris-1</h2>", "<h2>rome</h2>"]
    {
        assert!(page.contains(text), "{text} is missing in\n{page}");
    }
    let sections = page.matches("-readiness\">").count();
    assert_eq!((sections, page.matches("This cluster could not be read").count()), (4, 1));
    if let Some(folder) = std::env::var_os("PVE_REPORT_PAGES") {
        std::fs::write(std::path::Path::new(&folder).join("fleet.html"), &page).unwrap();
    }
}
