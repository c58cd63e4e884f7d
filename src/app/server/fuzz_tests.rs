//! Mutated heads and chunked bodies. See `crate::fuzz`.

use super::{
    chunked::{ChunkedBody, MalformedChunk},
    head,
};
use crate::fuzz::fuzz;

#[test]
fn end_of_head_is_found_however_it_arrives() {
    let tokens = [
        "\r\n",
        "\r\n\r\n",
        "\n",
        "\n\n",
        "\r",
        "GET / HTTP/1.1",
        "Host: x",
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "\0",
    ];
    fuzz("head", &tokens, |input| {
        // By another method: the first line that is empty, not counting what precedes the first line's end.
        let mut lines = input.split_inclusive(|byte| *byte == b'\n');
        let first = lines.next().map_or(0, <[u8]>::len);
        let rest = lines.scan(first, |end, line| {
            *end += line.len();
            Some((*end, line))
        });
        let expected = rest.into_iter().find(|(_, line)| matches!(line, [b'\n'] | [b'\r', b'\n'])).map(|(end, _)| end);
        assert_eq!(head::find_end(input, 0), expected);
        for split in [1, 2, 3, input.len() / 2] {
            let arrived = split.min(input.len());
            if head::find_end(&input[..arrived], 0).is_none() {
                assert_eq!(head::find_end(input, head::resume_at(arrived)), expected, "after {arrived} bytes");
            }
        }
    });
}

/// The length of a chunked body, read in one piece: `None` if it is not complete.
fn reference_length(body: &[u8]) -> Result<Option<usize>, MalformedChunk> {
    let is_text = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
    let mut at = 0;
    loop {
        let digits = body[at..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let text = std::str::from_utf8(&body[at..at + digits]).unwrap();
        if digits == 0 && at < body.len() {
            return Err(MalformedChunk);
        }
        let size = if digits == 0 { 0 } else { u64::from_str_radix(text, 16).map_err(|_| MalformedChunk)? };
        at += digits;
        let blanks = body[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        at += blanks;
        if digits == 0 || at == body.len() {
            return Ok(None);
        }
        if body[at] == b';' {
            at += 1;
            at += body[at..].iter().take_while(|byte| is_text(byte)).count();
        }
        let Some(next) = line_end(body, at)? else { return Ok(None) };
        at = next;
        if size == 0 {
            return trailers_end(body, at, is_text);
        }
        let Some(end) =
            usize::try_from(size).ok().and_then(|size| at.checked_add(size)).filter(|end| *end <= body.len())
        else {
            return Ok(None);
        };
        let Some(next) = line_end(body, end)? else { return Ok(None) };
        at = next;
    }
}

/// The position after a CRLF; `None` if it is cut off.
fn line_end(body: &[u8], at: usize) -> Result<Option<usize>, MalformedChunk> {
    match &body[at..] {
        [] | [b'\r'] => Ok(None),
        [b'\r', b'\n', ..] => Ok(Some(at + 2)),
        _ => Err(MalformedChunk),
    }
}

fn trailers_end(body: &[u8], mut at: usize, is_text: impl Fn(&u8) -> bool) -> Result<Option<usize>, MalformedChunk> {
    loop {
        let length = body[at..].iter().take_while(|byte| is_text(byte)).count();
        match line_end(body, at + length)? {
            Some(end) if length > 0 => at = end,
            end => return Ok(end),
        }
    }
}

#[test]
fn chunked_body_ends_where_another_reader_sees_its_end() {
    let tokens = [
        "0\r\n\r\n",
        "\r\n",
        "\n",
        "5\r\nabcde\r\n",
        "A",
        "f",
        ";name=value",
        " ",
        "Trailer: x\r\n",
        "ffffffffffffffff",
        "-",
        "\0",
        "GET / HTTP/1.1\r\n\r\n",
    ];
    fuzz("chunked", &tokens, |input| {
        let expected = reference_length(input);
        for size in [1, 2, 7, input.len().max(1)] {
            let mut state = ChunkedBody::SizeStart;
            let taken = input.chunks(size).try_fold(0, |taken, part| state.advance(part).map(|more| taken + more));
            let found = taken.map(|taken| (state == ChunkedBody::End).then_some(taken));
            assert_eq!(found, expected, "in parts of {size}");
        }
    });
}
