//! Walks over neighbouring keys, such as `qwertyuiop` and `1q2w3e4r`.

/// Rows of keys from the top. Each row stands half a key to the right of the one above it.
type Layout = [&'static str; 4];

/// The common layouts of Latin letters. The digits are in the same place on all of them.
const LAYOUTS: [Layout; 3] = [
    ["1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./"],
    ["1234567890", "qwertzuiop", "asdfghjkl", "yxcvbnm,.-"],
    ["1234567890", "azertyuiop", "qsdfghjklm", "wxcvbn,;:!"],
];

/// The characters above the digits of the first layout.
const SHIFTED_DIGITS: &str = "!@#$%^&*()";

/// The direction of a step: rows down and keys to the right.
type Direction = (i8, i8);

/// Finds the walk that begins at `start`, on each layout. Calls `found` with each of its ends, and the number of turns
/// up to there.
pub(super) fn walks_from(chars: &[char], start: usize, mut found: impl FnMut(usize, u32)) {
    for layout in &LAYOUTS {
        let mut turns = 0;
        let mut last = None;
        for (end, pair) in (start + 2..).zip(chars[start..].windows(2)) {
            let Some(direction) = step(layout, pair[0], pair[1]) else { break };
            if last.is_some_and(|last| last != direction) {
                turns += 1;
            }
            last = Some(direction);
            found(end, turns);
        }
    }
}

/// The step from one key to a neighbour.
fn step(layout: &Layout, from: char, to: char) -> Option<Direction> {
    let ((from_row, from_key), (to_row, to_key)) = (key(layout, from)?, key(layout, to)?);
    let direction = (to_row - from_row, to_key - from_key);
    matches!(direction, (0, -1 | 1) | (1, -1 | 0) | (-1, 0 | 1)).then_some(direction)
}

/// Row and place of a key.
fn key(layout: &Layout, c: char) -> Option<(i8, i8)> {
    let place = |keys: &str| keys.chars().position(|key| key == c).and_then(|place| i8::try_from(place).ok());
    (0..).zip(layout).find_map(|(row, keys)| Some((row, place(keys)?))).or_else(|| Some((0, place(SHIFTED_DIGITS)?)))
}
