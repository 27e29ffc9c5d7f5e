use super::*;

fn configuration(variables: &[(&str, &str)]) -> Configuration {
    let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Configuration::with_environment(Arc::default(), variables)
}

fn block(members: &[(&str, &str)]) -> ProviderBlock {
    let object = Value::object(members.iter().map(|(k, v)| (*k, Value::from(*v))));
    to_model(&object).unwrap()
}

fn chosen(variables: &[(&str, &str)], members: &[(&str, &str)]) -> String {
    let mut diagnostics = Diagnostics::new();
    match configuration(variables).credentials(&block(members), &mut diagnostics) {
        Some(Credentials::Token(_)) => "token".to_owned(),
        Some(Credentials::Ticket(_)) => "ticket".to_owned(),
        Some(Credentials::Password { username, .. }) => username,
        None => diagnostics.iter().map(|d| d.summary.clone()).collect(),
    }
}

const TOKEN: &str = "root@pam!tf=secret";

#[test]
fn a_way_to_log_in_is_chosen_whole() {
    let ve = [("PROXMOX_VE_API_TOKEN", TOKEN)];
    assert_eq!(chosen(&ve, &[]), "token");
    // The explicit way wins, even over a token in the environment.
    assert_eq!(chosen(&ve, &[("username", "a@pam"), ("password", "x")]), "a@pam");
    let telmate = [("PM_API_TOKEN_ID", "root@pam!tf"), ("PM_API_TOKEN_SECRET", "s")];
    assert_eq!(chosen(&telmate, &[]), "token");
    let both = [
        ("PROXMOX_VE_USERNAME", "a@pam"),
        ("PROXMOX_VE_PASSWORD", "x"),
        ("PM_API_TOKEN_ID", "r@p!t"),
        ("PM_API_TOKEN_SECRET", "s"),
    ];
    assert_eq!(chosen(&both, &[]), "a@pam");
    // A password in the environment doesn't complete an explicit user name.
    assert_eq!(chosen(&[("PROXMOX_VE_PASSWORD", "x")], &[("username", "a@pam")]), "Missing password");
    assert_eq!(chosen(&[("PROXMOX_VE_API_TOKEN", "")], &[]), "Missing credentials");
}

#[test]
fn two_explicit_ways_are_an_error_on_both() {
    let mut diagnostics = Diagnostics::new();
    let config = Value::object([
        ("api_token", Value::from(TOKEN)),
        ("username", Value::from("a@pam")),
        ("password", Value::from("x")),
    ]);
    configuration(&[]).validate(&config, &mut diagnostics);
    let paths: Vec<String> = diagnostics.iter().map(|d| d.path.as_ref().unwrap().to_string()).collect();
    assert_eq!(paths, ["api_token", "username"]);
}

#[test]
fn a_one_time_password_is_accepted_with_a_warning() {
    let mut diagnostics = Diagnostics::new();
    let block = block(&[("username", "a@pam"), ("password", "x"), ("otp", "123456")]);
    assert!(configuration(&[]).credentials(&block, &mut diagnostics).is_some());
    assert!(!diagnostics.has_error() && diagnostics.iter().any(|d| d.detail.contains("API token")));
}

#[test]
fn http_is_refused_before_anything_is_sent() {
    let mut diagnostics = Diagnostics::new();
    configuration(&[]).validate(&Value::object([("endpoint", Value::from("http://pve1:8006"))]), &mut diagnostics);
    assert!(diagnostics.has_error());
}

#[tokio::test]
async fn unknown_arguments_do_not_fail_before_they_are_needed() {
    let configuration = configuration(&[]);
    let config = Value::object([("endpoint", Value::from("https://pve1:8006")), ("api_token", Value::Unknown)]);
    assert!(configuration.connect(&config, Stop::new()).await.is_empty());
    assert!(configuration.session.if_ready().is_none());
    let failure = configuration.session.ready().err().unwrap();
    assert!(failure.detail.contains("`api_token`"), "{}", failure.detail);
}

#[test]
fn a_bad_variable_is_blamed_by_its_name() {
    let reported = |variables: &[(&str, &str)]| {
        let mut diagnostics = Diagnostics::new();
        configuration(variables).configured(&Value::object([] as [(&str, Value); 0]), &mut diagnostics);
        let reported = diagnostics.iter().map(|d| (d.summary.clone(), d.path.is_some()));
        reported.filter(|(summary, _)| summary.starts_with("Invalid")).collect::<Vec<_>>()
    };
    for (variable, text) in [
        ("PROXMOX_VE_ENDPOINT", "ftp://x"),
        ("PM_API_URL", "ftp://x"),
        ("PROXMOX_VE_FALLBACK_ENDPOINTS", "https://ok:8006, nonsense"),
        ("PROXMOX_VE_TLS_FINGERPRINT", "abc"),
        ("PROXMOX_VE_REQUEST_TIMEOUT", "soon"),
        ("PROXMOX_VE_INSECURE", "ja"),
        ("PROXMOX_VE_REQUEST_TIMEOUT", "0s"),
        ("PROXMOX_VE_API_TOKEN", "abc"),
        ("PROXMOX_VE_API_TOKEN", "\"root@pam!tf=secret\""),
        ("PM_USER", "root@pam!tf"),
    ] {
        assert_eq!(reported(&[(variable, text)]), [(format!("Invalid {variable}"), false)], "{variable}");
    }
}

#[test]
fn half_a_token_of_telmate_is_reported() {
    let reported = |variables: &[(&str, &str)]| {
        let mut diagnostics = Diagnostics::new();
        configuration(variables).credentials(&block(&[]), &mut diagnostics);
        diagnostics.iter().map(|d| d.detail.clone()).collect::<String>()
    };
    assert!(reported(&[("PM_API_TOKEN_ID", "root@pam!tf")]).contains("PM_API_TOKEN_SECRET is not"));
    assert!(reported(&[("PM_API_TOKEN_SECRET", "x")]).contains("PM_API_TOKEN_ID is not"));
    assert!(!reported(&[]).contains("PM_"));
}
