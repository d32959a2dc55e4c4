#!/usr/bin/env bash
# Rust's jsonwebtoken can't read a JWK Set that also has a key for encryption, as Keycloak's has.
#
# Versions:  Debian's librust-jsonwebtoken-dev 8.2.0-1+b1; cargo 1.95, Node 20 (to sign).
# Guess:     the token names the signing key, and the library takes that one. RFC 7517, section 5,
#            has it ignore keys that it doesn't understand.
# Behaviour: the set isn't read at all if one key's "alg" isn't among twelve for signatures. A
#            realm of Keycloak publishes an RSA-OAEP key from its first day, so no token of it
#            can be verified with the set as it comes.
# Output, 2026-11-28:
#> signing key alone: accepted
#> with a key of alg RSA-OAEP: no set, unknown variant `RSA-OAEP`
#> with a key of alg ECDH-ES: no set, unknown variant `ECDH-ES`
#> with a key without alg: accepted
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

mkdir -p debs/partial root src .cargo
apt-get update -qq
apt-get install -y -qq --download-only --reinstall --no-install-recommends \
	-o APT::Sandbox::User=root -o Dir::Cache::archives="$dir/debs/" \
	librust-jsonwebtoken-dev=8.2.0-1+b1 librust-serde-json-dev >/dev/null
for deb in debs/*.deb; do dpkg -x "$deb" root; done

cat >main.mjs <<'JS'
import { generateKeyPairSync, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'

const pair = () => generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwk = ({ publicKey }, members) => ({ ...publicKey.export({ format: 'jwk' }), ...members })
const base64url = (object) => Buffer.from(JSON.stringify(object)).toString('base64url')
const signing = pair()
const first = jwk(signing, { kid: 'sig', use: 'sig', alg: 'RS256' })
const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const input = `${base64url({ alg: 'RS256', kid: 'sig' })}.${base64url({ sub: 'user', exp: Math.floor(Date.now() / 1000) + 300 })}`
writeFileSync('token', `${input}.${sign('sha256', Buffer.from(input), signing.privateKey).toString('base64url')}`)
writeFileSync('sets.json', JSON.stringify([
  ['signing key alone', { keys: [first] }],
  ['with a key of alg RSA-OAEP', { keys: [first, jwk(pair(), { kid: 'enc', use: 'enc', alg: 'RSA-OAEP' })] }],
  ['with a key of alg ECDH-ES', { keys: [first, jwk(curve, { kid: 'enc', use: 'enc', alg: 'ECDH-ES' })] }],
  ['with a key without alg', { keys: [first, jwk(pair(), { kid: 'enc', use: 'enc' })] }],
]))
JS
cat >src/main.rs <<'RS'
use jsonwebtoken::{decode, jwk::JwkSet, Algorithm, DecodingKey, Validation};
use serde_json::Value;

fn main() {
    let token = std::fs::read_to_string("token").unwrap();
    let sets: Vec<(String, Value)> = serde_json::from_str(&std::fs::read_to_string("sets.json").unwrap()).unwrap();
    for (name, json) in sets {
        let outcome = match serde_json::from_value::<JwkSet>(json) {
            Err(error) => format!("no set, {}", error.to_string().split(',').next().unwrap()),
            Ok(set) => {
                let key = DecodingKey::from_jwk(set.find("sig").unwrap()).unwrap();
                match decode::<Value>(&token, &key, &Validation::new(Algorithm::RS256)) {
                    Ok(_) => "accepted".to_string(),
                    Err(error) => error.to_string(),
                }
            }
        };
        println!("{name}: {outcome}");
    }
}
RS
cat >Cargo.toml <<'TOML'
[package]
name = "example"
version = "0.1.0"
edition = "2021"

[dependencies]
jsonwebtoken = "=8.2.0"
serde_json = "1"
TOML
cat >.cargo/config.toml <<TOML
[source.crates-io]
replace-with = "debian"

[source.debian]
directory = "$dir/root/usr/share/cargo/registry"
TOML
node main.mjs
cargo build --offline --quiet
./target/debug/example | tee out
diff <(sed -n 's/^#> //p' "$self") out
