import Glibc

/// Where a folder has a tokenizer in another form than `tokenizer.json`, how that file is made of
/// it.
enum TokenizerFiles {
    /// - Throws: ``TokenizerError`` if the folder has no tokenizer.json, with the command that
    ///   makes it.
    static func require(in folder: String) throws(TokenizerError) {
        let path = folder + "/tokenizer.json"
        guard access(path, F_OK) != 0 else { return }
        let number = errno
        guard number == ENOENT else {
            throw TokenizerError(file: path, errorNumber: number, "cannot be opened: \(String(cString: strerror(number)))")
        }
        func holds(_ name: String) -> Bool { access(folder + "/" + name, F_OK) == 0 }
        let found: String
        if holds("tokenizer.model") {
            found = "tokenizer.model"
        } else if holds("vocab.json"), holds("merges.txt") {
            found = "vocab.json and merges.txt"
        } else if holds("spiece.model") {
            found = "spiece.model"
        } else {
            throw TokenizerError(
                file: path, errorNumber: number, "is missing: a model folder holds config.json, weights and tokenizer.json")
        }
        let quoted = "'" + folder.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
        throw TokenizerError(
            file: path,
            "is missing, but \(found) is there: make it with: python3 -c \"import sys; from transformers import AutoTokenizer as T; "
                + "T.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[1])\" \(quoted) (pip install transformers sentencepiece protobuf)"
        )
    }
}
