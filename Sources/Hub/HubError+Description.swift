extension HubError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noCurl(let error):
            "the program curl, which downloads, cannot be started (\(error)): install it (apt-get install curl)"
        case .badReference(_, let message): message
        case .badEndpoint(let text):
            "HF_ENDPOINT is \"\(text)\", which is not the address of a web server: it begins with https://"
        case .badToken(let place): "\(place) does not hold a token: one line of letters, digits, - and _"
        case .connection(let address, let message): "\(address): \(message)"
        case .refused(let refusal): refusal.description
        case .redirect(let from, let to): "\(from) sends on to \(to), which is not followed"
        case .answer(let address, let message): "\(address) does not answer as a hub does: \(message)"
        case .unsafeName(let name):
            "the hub names a file \"\(name)\", which would lie outside of the model's folder: nothing is taken from it"
        case .tooLarge(let file, let limit): "\(file) is larger than the \(limit) bytes that it may have: the download was stopped"
        case .cut(let file, let found, let expected):
            "\(file) ended after \(found) of \(expected) bytes: the same command goes on where it ended"
        case .digest(let file, let found, let expected):
            "\(file) arrived damaged, twice: its digest is \(found), the hub says \(expected)"
        case .noWeights(let repository, let others):
            "\(repository) has no model.safetensors and no index of shards"
                + (others.isEmpty ? "" : ", only \(others.prefix(4).joined(separator: ", "))")
                + ": look for a repository or a revision of this model with safetensors"
        case .variant(let variant, let repository, let choices): Self.choice(variant, repository, choices)
        case .busy(let path): "another process is downloading \(path)"
        case .exists(let path): "\(path) is there already; --force replaces it, --name gives the model another name"
        }
    }

    private static func choice(_ variant: String?, _ repository: String, _ choices: [Variant]) -> String {
        guard let first = choices.first else {
            return "\(repository) has no GGUF file" + (variant.map { ", so \":\($0)\" means nothing here" } ?? "")
        }
        let listed = choices.prefix(40).map { "\($0.name) (\(size($0.byteCount)))" } + (choices.count > 40 ? ["..."] : [])
        let why = variant.map { "\"\($0)\" means none of its GGUF files, or several" } ?? "it has no safetensors and several GGUF files"
        let ending = first.name.split(separator: "-").last.map(String.init) ?? first.name
        return "\(repository): \(why). Name one behind a colon, as \(repository):\(ending). It has " + listed.joined(separator: ", ")
    }

    private static func size(_ bytes: Int) -> String {
        bytes < 1_000_000_000 ? "\((bytes + 500_000) / 1_000_000) MB" : "\(bytes / 1_000_000_000).\(bytes / 100_000_000 % 10) GB"
    }
}

extension HTTPRefusal: CustomStringConvertible {
    package var description: String {
        let token =
            keptTokenBack
            ? "a token is there, but is not sent over http, where others could read it: use https"
            : "put a token into the variable HF_TOKEN or the file ~/.cache/huggingface/token"
        switch (status, code) {
        case (_, "GatedRepo"), (403, nil):
            return "\(address): access is granted to those who have accepted the model's terms on its page"
                + (hadToken ? " with the account of this token" : ": accept them, then \(token)")
        case (_, "RepoNotFound"), (404, nil), (401, nil):
            return "\(address): there is no such model"
                + (hadToken ? ", or this token may not see it" : ", or it is not open to everybody: \(token)")
        case (_, "RevisionNotFound"): return "\(address): the model has no such branch, tag or commit"
        case (429, _):
            return "\(address): too many requests" + (retryAfter.map { "; the server asks to try again in \($0) s" } ?? "; try again later")
        default: return "\(address): the server answers with the status \(status)" + (code.map { " (\($0))" } ?? "")
        }
    }
}
