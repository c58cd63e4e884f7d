//! `docs/deploy.md` and the examples

use std::{fs, path::Path};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { names(&path) } else { vec![path.display().to_string()] }).collect()
}

#[test]
fn guide_links_every_example() {
    let guide = fs::read_to_string(Path::new(ROOT).join("docs/deploy.md")).unwrap();
    let files = names(&Path::new(ROOT).join("examples/deploy"));
    assert!(files.len() >= 7, "{files:?}");
    for file in files {
        let link = format!("(..{})", file.strip_prefix(ROOT).unwrap());
        assert!(guide.contains(&link), "docs/deploy.md has no link {link}");
    }
    for document in ["README.md", "docs/events.md", "docs/scale.md"] {
        let text = fs::read_to_string(Path::new(ROOT).join(document)).unwrap();
        assert!(text.contains("deploy.md"), "{document} does not link the guide");
    }
}
