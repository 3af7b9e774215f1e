//! Type `cargo run --example parse_head`, or `... < FILE` to read a head of your own.
//!
//! Takes the head of a request or a response to pieces with `kinglet-core` alone: a slice of bytes
//! goes in, and what comes out borrows from it.

use std::io::{self, IsTerminal, Read};
use std::process::ExitCode;

use kinglet_core::Limits;
use kinglet_core::http::{Error, Fields, Method, RequestParser, ResponseParser};

const SAMPLE: &[u8] = b"GET /where?q=now HTTP/1.1\r\n\
    Host: example.com\r\n\
    Accept: text/html, */*;q=0.1\r\n\
    Connection: close\r\n\
    \r\n";

fn main() -> ExitCode {
    let bytes = match read_input() {
        Ok(bytes) if bytes.is_empty() => SAMPLE.to_vec(),
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("cannot read standard input: {error}");
            return ExitCode::FAILURE;
        }
    };
    let parsed = if bytes.starts_with(b"HTTP/") {
        print_response(&bytes)
    } else {
        print_request(&bytes)
    };
    match parsed {
        Ok(Some(head_len)) => {
            println!("after it    {} bytes", bytes.len() - head_len);
            ExitCode::SUCCESS
        }
        Ok(None) => {
            eprintln!("the head is not whole: more bytes are needed, up to an empty line");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("not a head: {error}");
            if let Some(status) = error.status() {
                eprintln!("a server answers {status}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Prints the parts of a request's head and answers its length, or `None` while it is not whole.
fn print_request(bytes: &[u8]) -> Result<Option<usize>, Error> {
    let Some(request) = RequestParser::new().parse(bytes, &Limits::SERVER)? else {
        return Ok(None);
    };
    println!("method      {}", request.method());
    println!("target      {:?}", request.target());
    println!("path        {}", request.path());
    println!("query       {:?}", request.query());
    println!("version     {}", request.version());
    print_fields(request.fields());
    println!("for         {}", request.authority());
    println!("persists    {}", request.persists());
    println!("content     {:?}", request.framing());
    println!("head        {} bytes", request.head_len());
    Ok(Some(request.head_len()))
}

/// The same for a response; where its content ends depends on the method it answers.
fn print_response(bytes: &[u8]) -> Result<Option<usize>, Error> {
    let Some(response) = ResponseParser::new().parse(bytes, &Limits::SERVER)? else {
        return Ok(None);
    };
    println!("version     {}", response.version());
    println!("status      {}", response.status());
    print_fields(response.fields());
    println!("content     {:?}", response.framing(Method::Get)?);
    println!("head        {} bytes", response.head_len());
    Ok(Some(response.head_len()))
}

fn print_fields(fields: Fields<'_>) {
    for line in fields {
        println!(
            "field line  {}: {}",
            line.name(),
            line.value().escape_ascii()
        );
    }
}

fn read_input() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if !io::stdin().is_terminal() {
        io::stdin().read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
