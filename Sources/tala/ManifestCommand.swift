import ArgumentParser
import CommandLineTools
import JSON
import Manifest

/// `tala manifest`: what a manifest may say.
struct ManifestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifest", abstract: "Say what keys a manifest may have, with their values and defaults.",
        discussion: """
            Without a name all keys are listed. With one, the key of that name or path, or the keys of a section: `tala manifest optimizer`. \
            --schema prints a JSON Schema, with which editors complete and check manifests.
            """)
    @Argument(help: "A key or a section, such as max_length, adapter.rank or optimizer.") var name: String?
    @Flag(help: "Print the JSON Schema of manifests.") var schema = false
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        if name != nil, schema { throw ValidationError("--schema is of the whole manifest: leave the name out") }
        if let name, KeyTable.list(name) == nil { throw ValidationError("there is no key \"\(name)\"; `tala manifest` lists all") }
    }

    func run() throws {
        if schema { return try StandardOutput.write(ManifestSchema.text) }
        if json {
            let keys = KeyTable.rows(of: name).map { row -> JSONNode in
                [
                    "key": JSONNode(row.path), "values": JSONNode(row.values), "default": JSONNode(row.standard),
                    "description": JSONNode(row.sentence),
                ]
            }
            return try StandardOutput.json(["object": "list", "data": JSONNode(keys), "has_more": false])
        }
        try StandardOutput.write(KeyTable.list(name) ?? "")
    }
}
