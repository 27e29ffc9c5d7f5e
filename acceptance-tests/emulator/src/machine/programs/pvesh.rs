//! `pvesh`: the API from the command line.

use serde_json::{Map, Value, json};

use super::died::died;
use super::{Host, Io, Run, formatter};
use crate::route::Method;
use crate::world::Pve;

pub(super) fn run(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    if !host.is_root() {
        io.err.push_str("please run as root\n");
        return Ok(255);
    }
    let [command, path, rest @ ..] = arguments else {
        io.err.push_str("400 not enough arguments\npvesh <COMMAND> <api_path> [OPTIONS] [FORMAT_OPTIONS]\n");
        return Ok(255);
    };
    let method = match command.as_str() {
        "get" | "ls" => Method::Get,
        "create" => Method::Post,
        "set" => Method::Put,
        "delete" => Method::Delete,
        other => {
            io.err.push_str(&format!("ERROR: unknown command 'pvesh {other}'\n"));
            return Ok(255);
        }
    };
    let mut format = "text".to_owned();
    let mut params = Map::new();
    let mut words = rest.iter().peekable();
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else { continue };
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => (option, words.next_if(|next| !next.starts_with("--")).cloned().unwrap_or_else(|| "1".to_owned())),
        };
        match name {
            "output-format" => format = value,
            "noborder" | "human-readable" | "noheader" | "quiet" => {}
            name => drop(params.insert(name.to_owned(), json!(value))),
        }
    }
    if host.cluster.router(host.world).find(method, path).is_none() {
        io.err.push_str(&format!("No '{command}' handler defined for '{path}'\n"));
        return Ok(1);
    }
    if host.world.nodes.get(&host.machine).is_some_and(|node| node.away) {
        // As without pmxcfs.
        for number in 1..=3 {
            io.err.push_str(&format!("ipcc_send_rec[{number}] failed: Connection refused\n"));
        }
        io.err.push_str("Unable to load access control list: Connection refused\n");
        return Ok(111);
    }
    match host.cluster.call_in(host.world, method, path, params) {
        Ok(reply) => {
            if reply.data != Value::Null {
                formatter::print(io, &reply.data, &format, None);
            }
            Ok(0)
        }
        Err(error) => {
            let code = died(host, io, &error);
            if !error.errors.is_empty() {
                io.err.push_str(&format!("pvesh {command} <api_path> [OPTIONS] [FORMAT_OPTIONS]\n"));
            }
            Ok(code)
        }
    }
}

/// `pveversion`
pub(super) fn version(host: &mut Host<'_>, io: &mut Io, _: &[String]) -> Run {
    let kernel = match host.world.profile.pve {
        Pve::V8 => "6.8.12-15-pve",
        Pve::V9 => "6.17.2-1-pve",
    };
    let (version, _, repoid) = host.world.manager_of(&host.machine);
    io.out.push_str(&format!("pve-manager/{version}/{repoid} (running kernel: {kernel})\n"));
    Ok(0)
}
