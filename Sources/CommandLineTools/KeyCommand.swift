package import ArgumentParser
import Glibc
import JSON
import Manifest
import Spool
import Storage

/// `tala key`: who may ask the server, and for what. A key's file holds its digest alone.
package struct KeyCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Make, list and revoke keys for the server.", subcommands: [Create.self, List.self, Revoke.self])
    package init() {}

    private static let roles = ["viewer", "user", "developer", "operator", "admin"]

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key and print it, once.",
            discussion:
                "Roles: viewer looks, user asks, developer also has files and jobs of its own, operator also deploys, admin may do everything."
        )
        @OptionGroup var options: SpoolOptions
        @Argument(help: "The key's name.") var name: String
        @Option(help: "viewer, user, developer, operator or admin.") var role: String
        @Option(help: "Days after which the key is not valid any more.") var expires: Int?
        @Option(help: "The deployments that it is for, as a pattern in which * stands for any letters.") var models: String?
        @Option(help: "Requests that it may make in a minute.") var requestsPerMinute: Int?
        @Option(help: "Tokens of prompts and answers that it may use in a minute.") var tokensPerMinute: Int?
        @Option(help: "Tokens that it may use in a day.") var tokensPerDay: Int?

        func run() throws {
            let folder = try KeyCommand.folder(options)
            guard Deployment.isName(name) else {
                throw CommandFailure(.invalid, "\"\(Terminal.safe(name))\" is no name of a key: up to 64 letters, digits, '.', '_' and '-'")
            }
            guard KeyCommand.roles.contains(role) else {
                throw CommandFailure(.invalid, "--role is one of \(KeyCommand.roles.joined(separator: ", "))")
            }
            if let expires, !(1...36_500).contains(expires) {
                throw CommandFailure(.invalid, "--expires is a number of days from 1 to 36500")
            }
            let limits = [
                ("requests_per_minute", requestsPerMinute), ("tokens_per_minute", tokensPerMinute), ("tokens_per_day", tokensPerDay),
            ].compactMap { name, number in number.map { (name: name, number: $0) } }
            if let limit = limits.first(where: { !(1...1_000_000_000_000).contains($0.number) }) {
                throw CommandFailure(.invalid, "--\(limit.name.replacing("_", with: "-")) is a number from 1 on")
            }
            let path = folder + "/" + name + ".json"
            guard !FolderListing.exists(path) else { throw CommandFailure(.wrongState, "there is a key \(name) already: revoke it first") }
            let key = "sk-tala-" + KeyCommand.secret()
            var members = [
                JSONMember("name", JSONNode(name)), JSONMember("role", JSONNode(role)),
                JSONMember("sha256", JSONNode(SHA256.hexadecimal(of: key.utf8))), JSONMember("created_at", JSONNode(Int(time(nil)))),
            ]
            if let expires { members.append(JSONMember("expires_at", JSONNode(Int(time(nil)) + expires * 86_400))) }
            if let models { members.append(JSONMember("models", JSONNode(models))) }
            members += limits.map { JSONMember($0.name, JSONNode($0.number)) }
            try DurableFiles.replace(path, with: JSONWriter(isIndented: true).string(JSONNode(members)) + "\n", mode: 0o640)
            if options.json {
                try StandardOutput.json(["name": JSONNode(name), "role": JSONNode(role), "key": JSONNode(key)], isIndented: false)
            } else {
                try StandardOutput.line(key)
            }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the keys' names and roles.")
        @OptionGroup var options: SpoolOptions

        func run() throws {
            let folder = try KeyCommand.folder(options)
            let names = try FolderListing.names(in: folder).filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }.sorted()
            let keys = names.compactMap { name -> JSONNode? in
                guard let bytes = try? DurableFiles.read(folder + "/" + name, limit: 1 << 16), let node = try? JSONParser().parse(bytes)
                else {
                    return nil
                }
                return JSONNode((node.object ?? []).filter { $0.key != "sha256" })
            }
            if options.json { return try StandardOutput.json(["keys": JSONNode(keys)], isIndented: true) }
            for key in keys { try StandardOutput.line("\(Terminal.safe(key["name"]?.string ?? "?"))  \(key["role"]?.string ?? "?")") }
            if keys.isEmpty { try StandardOutput.line("there are no keys") }
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a key invalid, at once.")
        @OptionGroup var options: SpoolOptions
        @Argument(help: "The key's name.") var name: String

        func run() throws {
            let folder = try KeyCommand.folder(options)
            let path = folder + "/" + name + ".json"
            guard Deployment.isName(name), FolderListing.exists(path) else {
                throw CommandFailure(.notFound, "there is no key \"\(Terminal.safe(name))\"")
            }
            try DurableFiles.remove(path)
            if options.json {
                try StandardOutput.json(["name": JSONNode(name)], isIndented: false)
            } else {
                try StandardOutput.line("\(name) is revoked")
            }
        }
    }

    /// The folder of keys, made where it is missing.
    private static func folder(_ options: SpoolOptions) throws -> String {
        let folder = try options.opened().root + "/keys"
        if !FolderListing.exists(folder) { try DurableFiles.makeFolder(folder, mode: 0o750) }
        return folder
    }

    /// 256 random bits in letters and digits.
    private static func secret() -> String {
        let digits = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
        var random = SystemRandomNumberGenerator()
        // 43 digits of base 62 hold 256 bits.
        return String(decoding: (0..<43).map { _ in digits[Int(random.next(upperBound: UInt64(62)))] }, as: UTF8.self)
    }
}
