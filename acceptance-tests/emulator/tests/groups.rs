//! Groups of users: what no recording shows.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

mod support;

use serde_json::{Value, json};
use support::{call, call_with, start};

/// A group's administrator may manage its members, and no other users.
#[tokio::test]
async fn the_administrator_of_a_group_may_change_its_members_alone() {
    let handle = start().await;
    let root = async |method: &str, path: &str, form: &str| call(&handle, method, path, form).await.unwrap();
    for (path, form) in [
        ("/access/groups", "groupid=ops&comment=on%20call"),
        ("/access/groups", "groupid=other"),
        ("/access/users", "userid=chief@pve"),
        ("/access/users", "userid=ann@pve&groups=ops"),
        ("/access/users", "userid=bob@pve&groups=other"),
        ("/access/roles", "roleid=Chief&privs=User.Modify"),
    ] {
        assert_eq!(root("POST", path, form).await.status, 200, "{form}");
    }
    root("PUT", "/access/acl", "path=/access/groups/ops&users=chief@pve&roles=Chief").await;
    let token = root("POST", "/access/users/chief@pve/token/tt", "privsep=0").await.data();
    let header = format!("Authorization: PVEAPIToken=chief@pve!tt={}", token["value"].as_str().unwrap());
    let chief = async |method: &str, path: &str, form: &str| {
        let answer = call_with(&handle, method, path, &header, form).await.unwrap();
        (answer.status, answer.reason)
    };
    let refused = |text: &str| (403, format!("Permission check failed{text}"));
    let fine = (200, "OK".to_owned());
    assert_eq!(chief("PUT", "/access/users/ann@pve", "comment=x&groups=ops").await, fine);
    assert_eq!(chief("GET", "/access/users/ann@pve", "").await, fine);
    assert_eq!(chief("PUT", "/access/users/ann@pve", "comment=x").await, refused(" (/access/groups, User.Modify)"));
    let other = chief("PUT", "/access/users/ann@pve", "groups=other").await;
    assert_eq!(other, refused(" (/access/groups/other, User.Modify)"));
    assert_eq!(chief("PUT", "/access/users/bob@pve", "groups=ops").await, refused(""));
    assert_eq!(chief("GET", "/access/users/bob@pve", "").await, refused(""));
    assert_eq!(chief("POST", "/access/users/bob@pve/token/tt", "").await, refused(""));
    assert_eq!(chief("POST", "/access/users/ann@pve/token/tt", "").await, fine);
    assert_eq!(chief("POST", "/access/groups", "groupid=third").await, refused(" (/access/groups, Group.Allocate)"));
    let visible: Vec<Value> =
        call_with(&handle, "GET", "/access/groups", &header, "").await.unwrap().data().as_array().unwrap().clone();
    assert_eq!(visible, [json!({"groupid": "ops", "comment": "on call", "users": "ann@pve"})]);
}

#[tokio::test]
async fn a_user_joins_and_leaves_groups_and_a_failed_change_changes_nothing() {
    let handle = start().await;
    let root = async |method: &str, path: &str, form: &str| call(&handle, method, path, form).await.unwrap();
    let groups = async || root("GET", "/access/users/ann@pve", "").await.data()["groups"].clone();
    for group in ["ops", "other"] {
        root("POST", "/access/groups", &format!("groupid={group}")).await;
    }
    let answer = root("POST", "/access/users", "userid=ann@pve&groups=ops,nosuch").await;
    assert_eq!((answer.status, answer.reason.as_str()), (500, "create user failed: no such group 'nosuch'"));
    assert_eq!(root("GET", "/access/users/ann@pve", "").await.reason, "no such user ('ann@pve')");
    root("POST", "/access/users", "userid=ann@pve&groups=ops").await;
    root("PUT", "/access/users/ann@pve", "groups=other&append=1").await;
    assert_eq!(groups().await, json!(["ops", "other"]));
    root("PUT", "/access/users/ann@pve", "groups=other").await;
    assert_eq!(groups().await, json!(["other"]));
    root("PUT", "/access/users/ann@pve", "comment=x").await;
    assert_eq!(root("GET", "/access/groups/other", "").await.data(), json!({"members": ["ann@pve"]}));
    root("PUT", "/access/groups/other", "comment=c").await;
    assert_eq!(root("GET", "/access/groups/other", "").await.data()["comment"], "c");
    let unknown = root("DELETE", "/access/groups/nosuch", "").await;
    assert_eq!(unknown.reason, "delete group failed: group 'nosuch' does not exist");
    let bad = root("POST", "/access/groups", "groupid=a%2Fb").await.json();
    assert_eq!(bad["errors"]["groupid"], "invalid format - group name 'a/b' contains invalid characters\n");
}
