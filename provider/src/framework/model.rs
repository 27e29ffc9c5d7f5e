//! Between typed models and values.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::value::{As, ModelError};
use super::{Type, Value};

/// The typed model of a wholly known value.
///
/// # Errors
/// Says which member doesn't fit; it names no content.
pub fn to_model<M: DeserializeOwned>(value: &Value) -> Result<M, ModelError> {
    M::deserialize(value)
}

/// The value of a typed model, read as `ty`.
///
/// # Errors
/// Says which member is not of the type.
pub fn from_model<M: Serialize>(model: &M, ty: &Type) -> Result<Value, ModelError> {
    model.serialize(As(ty))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Thing {
        name: String,
        count: Option<i64>,
        rate: Option<f64>,
        mode: Option<Mode>,
        #[serde(default)]
        tags: BTreeSet<String>,
        order: Option<Vec<i64>>,
        labels: Option<BTreeMap<String, bool>>,
        block: Option<Inner>,
        #[serde(default)]
        blocks: Vec<Inner>,
        #[serde(flatten)]
        more: More,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct More {
        note: Option<String>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Inner {
        size: i64,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        Fast,
        Slow,
    }

    fn object(members: impl IntoIterator<Item = (&'static str, Type)>) -> Type {
        Type::Object(members.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect())
    }

    fn ty() -> Type {
        let inner = || object([("size", Type::Number)]);
        object([
            ("name", Type::String),
            ("count", Type::Number),
            ("rate", Type::Number),
            ("mode", Type::String),
            ("tags", Type::Set(Type::String.into())),
            ("order", Type::List(Type::Number.into())),
            ("labels", Type::Map(Type::Bool.into())),
            ("block", inner()),
            ("blocks", Type::List(inner().into())),
            ("note", Type::String),
            ("timeouts", Type::String),
        ])
    }

    fn thing() -> Thing {
        Thing {
            name: "web".to_owned(),
            count: Some(9_007_199_254_740_993),
            rate: Some(0.1),
            mode: Some(Mode::Slow),
            tags: ["b", "a"].map(str::to_owned).into(),
            order: Some(vec![3, 1, 3]),
            labels: Some([("x".to_owned(), true)].into()),
            block: Some(Inner { size: 1 }),
            blocks: vec![Inner { size: 2 }, Inner { size: 2 }],
            more: More { note: Some("n".to_owned()) },
        }
    }

    fn problem<T>(result: Result<T, ModelError>) -> String {
        result.err().expect("it is refused").to_string()
    }

    fn read(members: impl IntoIterator<Item = (&'static str, Value)>) -> Result<Thing, ModelError> {
        to_model(&Value::object([("name", Value::from("web"))].into_iter().chain(members)))
    }

    #[test]
    fn a_model_is_the_same_after_being_a_value() {
        for thing in [thing(), Thing::default()] {
            let value = from_model(&thing, &ty()).unwrap();
            assert_eq!(to_model::<Thing>(&value).unwrap(), thing);
        }
    }

    #[test]
    fn a_value_is_what_json_in_between_would_make_of_the_model() {
        for thing in [thing(), Thing::default()] {
            let json = serde_json::to_value(&thing).unwrap();
            assert_eq!(from_model(&thing, &ty()).unwrap(), Value::from_json(&json, &ty()).unwrap());
        }
    }

    #[test]
    fn numbers_are_exact() {
        let value = from_model(&thing(), &ty()).unwrap();
        assert_eq!(value.at("count"), &Value::from(9_007_199_254_740_993));
        assert_eq!(value.at("rate").as_number().unwrap().to_string(), "0.1");
        assert_eq!(from_model(&10.0, &Type::Number), Ok(Value::from(10)));
        assert_eq!(
            from_model(&u64::MAX, &Type::Number).unwrap().as_number().unwrap().to_string(),
            u64::MAX.to_string()
        );
        assert_eq!(from_model(&f64::NAN, &Type::Number), Ok(Value::Null));
        let beyond = Value::Number("1e999".parse().unwrap());
        assert_eq!(problem(read([("rate", beyond)])), "rate: is something else, expected f64");
        let fraction = Value::Number("1.5".parse().unwrap());
        assert_eq!(problem(read([("count", fraction)])), "count: is a number, expected i64");
    }

    #[test]
    fn a_set_is_sorted_and_has_nothing_twice() {
        let elements = vec!["b", "a", "b"];
        let set = from_model(&elements, &Type::Set(Type::String.into())).unwrap();
        assert_eq!(set, Value::set(["a", "b"].map(Value::from)));
        let list = from_model(&elements, &Type::List(Type::String.into())).unwrap();
        assert_eq!(list.elements().map(<[Value]>::len), Some(3));
    }

    #[test]
    fn missing_members_are_null_and_others_are_ignored() {
        let value = from_model(&thing(), &ty()).unwrap();
        assert!(value.as_map().unwrap().contains_key("timeouts") && value.at("timeouts").is_null());
        let small = from_model(&thing(), &object([("name", Type::String)])).unwrap();
        assert_eq!(small, Value::object([("name", "web".into())]));
        let thing = read([("count", Value::Unknown), ("block", Value::Null), ("timeouts", "5m".into())]).unwrap();
        assert_eq!(thing, Thing { name: "web".to_owned(), ..Thing::default() });
        assert_eq!(problem(to_model::<Thing>(&Value::object([("count", Value::from(1))]))), "missing field `name`");
    }

    #[test]
    fn an_error_names_the_member_and_never_its_content() {
        let block = Value::object([("size", Value::from("s3cret"))]);
        let errors = [
            problem(read([("mode", "s3cret".into())])),
            problem(read([("count", "s3cret".into())])),
            problem(read([("order", Value::from("s3cret"))])),
            problem(read([("block", block.clone())])),
            problem(read([("blocks", Value::List(vec![block]))])),
        ];
        let expected = [
            "mode: is not one of fast, slow",
            "count: is a string, expected i64",
            "order: is a string, expected a sequence",
            "block: size: is a string, expected i64",
            "blocks: size: is a string, expected i64",
        ];
        assert_eq!(errors, expected);
        let wrong = object([("block", object([("size", Type::Bool)]))]);
        assert_eq!(problem(from_model(&thing(), &wrong)), "block: size: is not bool");
    }
}
