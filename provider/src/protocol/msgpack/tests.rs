//! Both directions against each other, against bytes that go-cty wrote, and against malformed bytes.

use proptest::prelude::*;

use super::{ObjectWriter, decode, encode};
use crate::framework::{Block, Elements, NestedBlock, Nesting, Number, Role, Schema, Type, Value};
use crate::fuzz::tests::{Random, cases};
use crate::protocol::malformed::Malformed;
use crate::protocol::shape::Shape;

fn read(bytes: &[u8], ty: &Type) -> Result<Value, Malformed> {
    decode(bytes, Shape::Type(ty))
}

fn write(value: &Value, ty: &Type) -> Vec<u8> {
    let (bytes, malformed) = encode(value, Shape::Type(ty));
    assert_eq!(malformed, None);
    bytes
}

fn object(attributes: &[(&str, Type)]) -> Type {
    Type::Object(attributes.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect())
}

#[test]
fn unknown_is_any_extension() {
    // As go-cty writes it: plain, and refined to "not null, begins with b-".
    assert_eq!(read(&[0xd4, 0, 0], &Type::Number).unwrap(), Value::Unknown);
    let refined = [0xc7, 7, 0x0c, 0x82, 1, 0xc2, 2, 0xa2, b'b', b'-'];
    assert_eq!(read(&refined, &Type::String).unwrap(), Value::Unknown);
    assert_eq!(write(&Value::Unknown, &Type::String), [0xd4, 0, 0]);
}

#[test]
fn numbers_keep_every_digit() {
    let number = |bytes: &[u8]| read(bytes, &Type::Number).unwrap().as_number().unwrap().to_string();
    assert_eq!(number(b"\xa30.1"), "0.1");
    assert_eq!(number(b"\xb718446744073709551616123"), "18446744073709551616123");
    assert_eq!(number(&[0xcf, 255, 255, 255, 255, 255, 255, 255, 255]), "18446744073709551615");
    assert_eq!(number(&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0]), "-9223372036854775808");
    assert_eq!(number(&[0xca, 0x3f, 0x80, 0, 0]), "1");
    assert_eq!(number(&[0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0]), "0.5");
    assert_eq!(number(&[0xe0]), "-32");
    assert_eq!(write(&Value::Number("0.1".parse().unwrap()), &Type::Number), b"\xa30.1");
    assert_eq!(write(&Value::from(-1), &Type::Number), [0xff]);
    for nonsense in [b"\xa3NaN".as_slice(), b"\xa1x", &[0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0], &[0xc0 + 3]] {
        assert_eq!(read(nonsense, &Type::Number).unwrap_err().to_string(), "is not a number");
    }
}

#[test]
fn objects_are_complete_both_ways() {
    let ty = object(&[("a", Type::Bool), ("b", Type::String)]);
    assert_eq!(read(b"\x81\xa1a\xc3", &ty).unwrap(), Value::object([("a", Value::from(true)), ("b", Value::Null)]));
    assert_eq!(write(&Value::object([("a", Value::from(true))]), &ty), b"\x82\xa1a\xc3\xa1b\xc0");
    assert!(read(b"\x81\xa1c\xc3", &ty).is_err());
}

#[test]
fn an_object_written_piece_by_piece_is_the_one_written_as_a_whole() {
    let ty = object(&[
        ("id", Type::String),
        ("many", Type::List(Box::new(object(&[("n", Type::Number), ("text", Type::String)])))),
        ("sum", Type::Number),
    ]);
    let shape = Shape::Type(&ty);
    let element = |n: i64| Value::object([("n", Value::from(n)), ("text", Value::from("x"))]);
    for count in [0, 1, 70_000] {
        let mut object = ObjectWriter::new(shape, Some("many"));
        (0..count).for_each(|n| object.push(element(n)));
        let rest =
            Value::object([("id", Value::from("a")), ("sum", Value::from(count)), ("many", Value::List(Vec::new()))]);
        let (bytes, malformed) = object.finish(&rest);
        assert_eq!(malformed, None);
        let mut whole = rest;
        whole.insert("many", Value::List((0..count).map(element).collect()));
        assert!(read(&bytes, &ty).unwrap() == whole, "{count}");
    }
    // What failed is null, whatever was given before; what doesn't fit is named.
    let mut object = ObjectWriter::new(shape, Some("many"));
    object.push(element(1));
    assert_eq!(object.finish(&Value::Null).0, [0xc0]);
    let mut object = ObjectWriter::new(shape, Some("many"));
    object.push(element(1));
    object.push(Value::object([("n", Value::from("one"))]));
    let (_, malformed) = object.finish(&Value::object([("id", Value::from("a"))]));
    assert_eq!(malformed.unwrap().to_string(), "many[1].n: is not of the type of the schema");
}

#[test]
fn an_absent_block_is_an_empty_collection() {
    let rule = |nesting| NestedBlock {
        name: "rule".to_owned(),
        nesting,
        block: Block::default(),
        min_items: 0,
        min_members: 0,
    };
    let block = |nesting| Block { blocks: vec![rule(nesting)], ..Block::default() };
    let empty = Value::object::<String>([]);
    for nesting in [Nesting::List, Nesting::Set] {
        assert_eq!(encode(&empty, Shape::Block(&block(nesting))), (b"\x81\xa4rule\x90".to_vec(), None));
    }
    assert_eq!(encode(&empty, Shape::Block(&block(Nesting::Single))), (b"\x81\xa4rule\xc0".to_vec(), None));
}

#[test]
fn what_does_not_fit_is_null_and_named() {
    let ty = object(&[("a", Type::List(Box::new(Type::Number))), ("b", Type::Bool)]);
    let value = Value::object([("a", Value::List(vec![1.into(), "x".into()])), ("b", true.into())]);
    let (bytes, malformed) = encode(&value, Shape::Type(&ty));
    assert_eq!(bytes, b"\x82\xa1a\x92\x01\xc0\xa1b\xc3");
    assert_eq!(malformed.unwrap().to_string(), "a[1]: is not of the type of the schema");
}

#[test]
fn errors_name_the_place_and_not_the_content() {
    let inner = object(&[("m", Type::Map(Box::new(Type::Bool)))]);
    let error = read(b"\x81\xa1m\x81\xa1k\xa6geheim", &inner).unwrap_err();
    assert_eq!(error.to_string(), "m[\"k\"]: is not a bool");
    // No path leads into a set.
    let ty = object(&[("s", Type::Set(Box::new(inner)))]);
    let error = read(b"\x81\xa1s\x91\x81\xa1m\x81\xa1k\xa6geheim", &ty).unwrap_err();
    assert_eq!(error.to_string(), "s: is not a bool");
}

#[test]
fn claimed_lengths_are_refused_before_anything_is_allocated() {
    let list = Type::List(Box::new(Type::Bool));
    let map = Type::Map(Box::new(Type::Bool));
    for (header, ty) in [
        ([0xdd, 255, 255, 255, 255], &list),
        ([0xdf, 255, 255, 255, 255], &map),
        ([0xdb, 255, 255, 255, 255], &Type::String),
        ([0xc9, 255, 255, 255, 255], &Type::String),
    ] {
        assert_eq!(read(&header, ty).unwrap_err().to_string(), "is cut short");
    }
}

#[test]
fn depth_is_refused() {
    let deep = [0x91].repeat(100_000);
    let nested = (0..1_000).fold(Type::String, |ty, _| Type::List(Box::new(ty)));
    assert!(read(&deep, &nested).unwrap_err().to_string().ends_with("is nested too deeply"));
    assert!(read(&deep, &Type::List(Box::new(Type::String))).is_err());
    assert!(read(&deep, &Type::String).is_err());
}

#[test]
fn a_message_of_too_many_values_is_refused() {
    let mut bytes = vec![0xdd, 0x00, 0x4c, 0x4b, 0x40];
    bytes.resize(5 + 5_000_000, 0xc3);
    let error = read(&bytes, &Type::List(Box::new(Type::Bool))).unwrap_err();
    assert!(error.to_string().ends_with("contains too many values"), "{error}");
}

#[test]
fn nothing_may_follow_or_be_missing() {
    assert!(read(&[0xc3, 0xc3], &Type::Bool).is_err());
    assert!(read(&[], &Type::Bool).is_err());
    assert!(read(b"\xa2\xff\xff", &Type::String).is_err());
    assert!(read(&[0xc1], &Type::String).is_err());
}

/// Every kind of type in one.
fn everything() -> Type {
    let node = object(&[("name", Type::String), ("votes", Type::Number), ("online", Type::Bool)]);
    object(&[
        ("id", Type::String),
        ("size", Type::Number),
        ("nodes", Type::List(Box::new(node.clone()))),
        ("tags", Type::Set(Box::new(Type::String))),
        ("by_name", Type::Map(Box::new(node))),
    ])
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), Just(Value::Unknown)]
}

fn number() -> impl Strategy<Value = Value> {
    let float = any::<f64>().prop_filter_map("finite", Number::from_f64);
    let text = "-?[1-9][0-9]{0,40}(\\.[0-9]{1,20})?".prop_map(|text| text.parse::<Number>().unwrap());
    prop_oneof![leaf(), any::<i64>().prop_map(Value::from), float.prop_map(Value::Number), text.prop_map(Value::Number)]
}

fn value_of(ty: &Type) -> BoxedStrategy<Value> {
    match ty {
        Type::Bool => prop_oneof![leaf(), any::<bool>().prop_map(Value::from)].boxed(),
        Type::Number => number().boxed(),
        Type::String => prop_oneof![leaf(), any::<String>().prop_map(Value::from)].boxed(),
        Type::List(element) => {
            prop_oneof![leaf(), prop::collection::vec(value_of(element), 0..40).prop_map(Value::List)].boxed()
        }
        Type::Set(element) => {
            prop_oneof![leaf(), prop::collection::vec(value_of(element), 0..40).prop_map(Value::set)].boxed()
        }
        Type::Map(element) => {
            let members = prop::collection::btree_map(any::<String>(), value_of(element), 0..20);
            prop_oneof![leaf(), members.prop_map(Value::Map)].boxed()
        }
        Type::Object(attributes) => {
            let members: Vec<_> =
                attributes.iter().map(|(name, ty)| (Just(name.clone()), value_of(ty)).boxed()).collect();
            prop_oneof![leaf(), members.prop_map(Value::object)].boxed()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(value in value_of(&everything())) {
        let ty = everything();
        prop_assert_eq!(read(&write(&value, &ty), &ty).unwrap(), value);
    }

    #[test]
    fn json_says_the_same(value in value_of(&everything())) {
        let ty = everything();
        let json = crate::protocol::json::tests::text(&value);
        let read = crate::protocol::json::decode(json.as_bytes(), Shape::Type(&ty)).unwrap();
        prop_assert_eq!(read, crate::protocol::json::tests::known(value));
    }
}

fn sample() -> Value {
    let node = Value::object([("name", "pve1".into()), ("votes", 1.into()), ("online", true.into())]);
    Value::object([
        ("id", "x".into()),
        ("size", Value::Number("1.5".parse().unwrap())),
        ("nodes", Value::List(vec![node.clone(), Value::Unknown])),
        ("tags", Value::set(["a".into(), "b".into()])),
        ("by_name", Value::object([("pve1", node)])),
    ])
}

const SEED: u64 = 0x5eed_0001;

#[test]
fn fuzzed_msgpack_never_panics_and_means_something_or_nothing() {
    let (ty, mut random) = (everything(), Random(SEED));
    let valid = write(&sample(), &ty);
    let mut understood = 0;
    for case in 0..cases() * 2 {
        let bytes = if case % 2 == 0 { random.bytes(200) } else { random.damaged(&valid) };
        if let Ok(value) = read(&bytes, &ty) {
            understood += 1;
            assert_eq!(read(&write(&value, &ty), &ty).unwrap(), value, "seed {SEED:#x}, case {case}");
        }
    }
    assert!(understood > 100, "the damage is too heavy to test anything: {understood}");
}

#[test]
fn fuzzed_json_never_panics_and_means_something_or_nothing() {
    let (ty, mut random) = (everything(), Random(SEED));
    let valid = crate::protocol::json::tests::text(&sample()).into_bytes();
    let mut understood = 0;
    for case in 0..cases() * 2 {
        let bytes = if case % 2 == 0 { random.bytes(200) } else { random.damaged(&valid) };
        if let Ok(value) = crate::protocol::json::decode(&bytes, Shape::Type(&ty)) {
            understood += 1;
            assert_eq!(read(&write(&value, &ty), &ty).unwrap(), value, "seed {SEED:#x}, case {case}");
        }
    }
    assert!(understood > 100, "the damage is too heavy to test anything: {understood}");
}

#[test]
fn attributes_and_blocks_are_found_by_name() {
    #[pve_schemas_macros::tf_block]
    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of interest")]
    struct Firewall {
        name: Option<String>,
        #[tf(block = "list")]
        rule: Vec<Rule>,
    }
    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of interest")]
    struct Rule {
        port: Option<i64>,
    }
    let block = Schema::of::<Firewall>(Role::Provider).block;
    let rule = |port| Value::object([("port", port)]);
    let value = Value::object([
        ("name", Value::from("x")),
        ("rule", Value::List(vec![rule(Value::from(22)), rule(Value::Null)])),
    ]);
    let (bytes, malformed) = encode(&value, Shape::Block(&block));
    assert_eq!((malformed, decode(&bytes, Shape::Block(&block))), (None, Ok(value)));
}
