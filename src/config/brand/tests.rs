use super::{accent::contrast, image::ImageFormat, *};

const SVG: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 32"><path d="M0 0h9"/></svg>"#;

fn size(content: &[u8]) -> Option<(f64, f64)> {
    ImageFormat::of(content)?.size(content)
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let header = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &width.to_be_bytes(), &height.to_be_bytes()].concat();
    [&header, b"\x08\x06\0\0\0".as_slice(), b"\0\0\0\0", b"\0\0\0\0IEND\xaeB`\x82"].concat()
}

#[test]
fn name_is_normalised_and_bounded() {
    let name = |text: &str| text.parse::<SiteName>().map(|name| name.to_string());
    assert_eq!(name(" Cafe\u{301} "), Ok("Caf\u{e9}".to_owned()));
    assert_eq!(name(&"\u{e9}".repeat(60)), Ok("\u{e9}".repeat(60)));
    assert_eq!(name(&"n".repeat(61)), Err(InvalidSiteName::TooLong));
    assert_eq!(name("  "), Err(InvalidSiteName::Blank));
    assert_eq!(name("a\u{202e}b"), Err(InvalidSiteName::Hidden('\u{202e}')));
    assert_eq!(name("a\tb"), Err(InvalidSiteName::Hidden('\t')));
}

#[test]
fn every_accent_can_be_read_in_both_themes() {
    let steps = [0_u8, 51, 102, 153, 204, 255];
    for number in 0..6 * 6 * 6 {
        let [red, green, blue] = [number / 36, number / 6 % 6, number % 6].map(|step| steps[step]);
        let accent: Accent = format!("rgb({red} {green} {blue})").parse().unwrap();
        for (theme, shades) in THEMES.iter().zip(accent.shades()) {
            for colour in [shades.accent, shades.hover] {
                for behind in theme.behind(shades) {
                    let contrast = contrast(colour, behind);
                    assert!(contrast >= 4.5, "{accent}: {colour} on {behind} has {contrast}");
                }
            }
        }
    }
}

#[test]
fn readable_accent_stays_as_it_is() {
    for (text, theme) in [("#17694a", 0), ("#006a80", 0), ("navy", 0), ("#7bd3a8", 1), ("gold", 1)] {
        let accent: Accent = text.parse().unwrap();
        assert_eq!(accent.shades()[theme].accent.to_string(), accent.to_string(), "{text}");
        let other = THEMES[1 - theme].background;
        assert!(contrast(accent.shades()[theme].accent, other) < 4.5, "{text}: one shade must differ");
    }
}

#[test]
fn operator_reads_which_shades_are_shown() {
    let shown = |text: &str| text.parse::<Accent>().unwrap().adjustments().unwrap();
    assert_eq!(
        shown("gold"),
        "the accent #ffd700 is shown as #8d6600 in the light theme, where its own contrast is 1.2:1"
    );
    assert_eq!(
        shown("#888"),
        "the accent #888888 is shown as #6c6c6c in the light theme, where its own contrast is 3.0:1, and as #8c8c8c in the \
         dark theme, where its own contrast is 4.3:1"
    );
}

#[test]
fn accent_is_any_opaque_css_colour() {
    let same = ["#17694a", "17694A", " rgb(23, 105, 74) ", "rgb(9.02% 41.18% 29.02%)", "hsl(157.3 64.1% 25.1%)"];
    for text in same {
        assert_eq!(text.parse::<Accent>().unwrap().to_string(), "#17694a", "{text}");
    }
    for text in ["", "greenish", "#17694a80", "transparent", "rgb(1 2 3 / 50%)", "url(x)", "#fff; }", "oklch(none"] {
        assert_eq!(text.parse::<Accent>(), Err(InvalidAccent), "{text}");
    }
}

#[test]
fn size_is_read_from_every_format() {
    assert_eq!(size(&png(300, 100)), Some((300.0, 100.0)));
    let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc0\0\x11\x08\0\x40\x01\0\x03\xff\xda\xff\xd9";
    assert_eq!(size(jpeg), Some((256.0, 64.0)));
    let webp = |chunk: &[u8]| [b"RIFF".as_slice(), &[22, 0, 0, 0], b"WEBP", chunk].concat();
    assert_eq!(size(&webp(b"VP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\x40\0\x20\0")), Some((64.0, 32.0)));
    assert_eq!(size(&webp(b"VP8L\x05\0\0\0\x2f\x3f\xc0\x07\0\0\0\0\0\0")), Some((64.0, 32.0)));
    assert_eq!(size(&webp(b"VP8X\x0a\0\0\0\0\0\0\0\x3f\0\0\x1f\0\0")), Some((64.0, 32.0)));
    for (svg, expected) in [
        (SVG.to_owned(), (96.0, 32.0)),
        (SVG.replace("viewBox", "width='48px' height = \"16\" viewBox"), (48.0, 16.0)),
        (SVG.replace("viewBox", "width='100%' data-width='7' height='100%' viewBox"), (96.0, 32.0)),
        (format!("\u{feff}<?xml version=\"1.0\"?>\n<!-- <svg> -->\n<!DOCTYPE svg>\n{SVG}\n"), (96.0, 32.0)),
    ] {
        assert_eq!(size(svg.as_bytes()), Some(expected), "{svg}");
    }
}

#[test]
fn file_that_is_no_usable_picture_is_rejected() {
    let reason = |content: &[u8]| Logo::new(content.to_vec()).unwrap_err().to_string();
    for content in [b"".as_slice(), b"GIF89a", b"<html><svg></svg></html>", b"<svgx></svgx>", b"\xff\xd8"] {
        assert_eq!(reason(content), "the file is no PNG, JPEG, WebP or SVG");
    }
    let png = png(300, 100);
    for content in [
        &png[..png.len() - 1],
        b"\xff\xd8\xff\xe0\0\0\xff\xd9",
        b"\xff\xd8\xff\xd9",
        b"RIFF\xff\xff\xff\xffWEBPVP8 ",
        b"<svg viewBox='0 0 9 9'></svg>",
        b"<svg xmlns='http://www.w3.org/2000/svg'></svg>",
    ] {
        assert!(reason(content).starts_with("the picture is damaged"), "{}", content.escape_ascii());
    }
    assert!(reason(&vec![0; 256 * 1024 + 1]).contains("more than 256 kB"));
    for (width, height) in [(900, 100), (40, 100), (5000, 5000), (0, 0)] {
        let picture = self::png(width, height);
        assert!(reason(&picture).contains(&format!("has {width} × {height} pixels")));
    }
}

#[test]
fn wide_logo_stands_for_the_name() {
    for (width, height, shown, is_symbol) in
        [(300, 100, 96, false), (64, 64, 32, true), (125, 100, 40, true), (126, 100, 41, false), (50, 100, 16, true)]
    {
        let logo = Logo::new(png(width, height)).unwrap();
        assert_eq!((logo.width_at(32), logo.is_symbol()), (shown, is_symbol), "{width} × {height}");
    }
}
