//! Writes small files in the format `.mmdb`.

use std::{collections::BTreeMap, net::IpAddr};

use serde_json::{Value, json};

/// A file under construction. Its addresses are those of IPv6, with IPv4 below `::/96`, as most files have them.
pub struct Mmdb {
    nodes: Vec<[Entry; 2]>,
    data: Vec<u8>,
    metadata: Value,
}

#[derive(Clone, Copy)]
enum Entry {
    Nothing,
    Node(usize),
    Data(usize),
}

const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

impl Mmdb {
    /// A file of this type, made on 1 January 2026.
    pub fn new(database_type: &str) -> Self {
        let metadata = json!({
            "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1_767_225_600,
            "database_type": database_type, "description": {}, "ip_version": 6, "languages": ["en", "de"],
            "record_size": 32,
        });
        Self { nodes: vec![[Entry::Nothing; 2]], data: Vec::new(), metadata }
    }

    /// Changes its metadata.
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.metadata[key] = value;
        self
    }

    /// Adds what it says about a network, such as `192.0.2.0/24`.
    pub fn network(mut self, network: &str, record: &Value) -> Self {
        let (address, length) = network.split_once('/').unwrap();
        let (bits, length) = match address.parse().unwrap() {
            IpAddr::V4(v4) => (u128::from(u32::from(v4)), 96 + length.parse::<usize>().unwrap()),
            IpAddr::V6(v6) => (u128::from(v6), length.parse().unwrap()),
        };
        let offset = self.data.len();
        encode(record, &mut self.data);
        let mut node = 0;
        for depth in 0..length {
            let side = usize::from(bits >> (127 - depth) & 1 == 1);
            if depth + 1 == length {
                self.nodes[node][side] = Entry::Data(offset);
            } else if let Entry::Node(next) = self.nodes[node][side] {
                node = next;
            } else {
                self.nodes.push([Entry::Nothing; 2]);
                let next = self.nodes.len() - 1;
                self.nodes[node][side] = Entry::Node(next);
                node = next;
            }
        }
        self
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = self.nodes.len();
        let number = |entry: &Entry| match *entry {
            Entry::Nothing => count,
            Entry::Node(node) => node,
            Entry::Data(offset) => count + 16 + offset,
        };
        let tree = self.nodes.iter().flatten().flat_map(|entry| u32::try_from(number(entry)).unwrap().to_be_bytes());
        let mut bytes: Vec<u8> = tree.chain([0; 16]).chain(self.data.iter().copied()).collect();
        bytes.extend_from_slice(MARKER);
        let mut metadata = self.metadata.clone();
        metadata["node_count"] = json!(count);
        encode(&metadata, &mut bytes);
        bytes
    }
}

/// The types of the format. Those from 8 on have a byte of their own.
const TEXT: u8 = 2;
const UNSIGNED_16: u8 = 5;
const UNSIGNED_32: u8 = 6;
const MAP: u8 = 7;
const UNSIGNED_64: u8 = 9;
const LIST: u8 = 11;

fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::String(text) => {
            push_head(TEXT, text.len(), out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Number(number) => push_number(number.as_u64().unwrap(), UNSIGNED_32, out),
        Value::Array(items) => {
            push_head(LIST, items.len(), out);
            for item in items {
                encode(item, out);
            }
        }
        Value::Object(entries) => {
            let entries: BTreeMap<_, _> = entries.iter().collect();
            push_head(MAP, entries.len(), out);
            for (key, value) in entries {
                encode(&json!(key), out);
                match (key.as_str(), value.as_u64()) {
                    ("build_epoch", Some(number)) => push_number(number, UNSIGNED_64, out),
                    (
                        "binary_format_major_version" | "binary_format_minor_version" | "ip_version" | "record_size",
                        Some(number),
                    ) => {
                        push_number(number, UNSIGNED_16, out);
                    }
                    _ => encode(value, out),
                }
            }
        }
        other => panic!("the format has no {other}, or no test needs it"),
    }
}

/// Appends a number without its leading zeros, as the format has it.
fn push_number(number: u64, kind: u8, out: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    let digits = &bytes[usize::try_from(number.leading_zeros() / 8).unwrap()..];
    push_head(kind, digits.len(), out);
    out.extend_from_slice(digits);
}

fn push_head(kind: u8, size: usize, out: &mut Vec<u8>) {
    let extended = kind.checked_sub(7).filter(|extended| *extended > 0);
    let kind = if extended.is_some() { 0 } else { kind };
    match size {
        0..29 => out.push(kind << 5 | u8::try_from(size).unwrap()),
        29..285 => out.push((kind << 5) + 29),
        _ => out.push((kind << 5) + 30),
    }
    out.extend(extended);
    match size {
        0..29 => {}
        29..285 => out.push(u8::try_from(size - 29).unwrap()),
        _ => out.extend(u16::try_from(size - 285).unwrap().to_be_bytes()),
    }
}
