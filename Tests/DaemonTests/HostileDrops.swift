import Foundation
import Basics
import Spool
import Storage

/// The corpus: what is dropped, and which key the rejection names where it is one key's fault.
enum HostileDrops {
    struct Drop {
        var name: String
        var bytes: [UInt8]
        var param: String?
    }

    static let good = #"{"model": "m", "training_file": "t.jsonl"}"#

    static var manifests: [Drop] {
        var drops: [Drop] = []
        func json(_ name: String, _ text: String, _ param: String? = nil) {
            drops.append(Drop(name: "json-\(name).json", bytes: Array(text.utf8), param: param))
        }
        func raw(_ name: String, _ bytes: [UInt8]) { drops.append(Drop(name: "raw-\(name).json", bytes: bytes)) }
        func yaml(_ name: String, _ text: String, _ param: String? = nil) {
            drops.append(Drop(name: "yaml-\(name).yaml", bytes: Array(text.utf8), param: param))
        }
        func with(_ more: String) -> String { String(good.dropLast()) + ", " + more + "}" }
        // Texts that are no JSON.
        for (name, text) in [
            ("empty", ""), ("space", " \n"), ("open", "{"), ("closed", "}"), ("cut", "{\"model\": \"m\", \"training_fi"),
            ("comma", "{\"model\": \"m\",}"),
            ("nocolon", "{\"model\" \"m\"}"), ("single", "{'model': 'm'}"), ("bare", "{model: m}"), ("two", good + good),
            ("trailing", good + " x"),
            ("comment", "// x\n" + good), ("nan", with("\"seed\": NaN")), ("infinity", with("\"seed\": Infinity")),
            ("hex", with("\"seed\": 0x10")),
            ("leadingzero", with("\"seed\": 007")), ("plus", with("\"seed\": +1")), ("dot", with("\"seed\": .5")),
            ("enddot", with("\"seed\": 5.")),
            ("huge", with("\"seed\": 1e999")), ("minushuge", with("\"validation_split\": -1e999")), ("escape", "{\"model\": \"\\x\"}"),
            ("unicodecut", "{\"model\": \"\\u12\"}"), ("surrogate", "{\"model\": \"\\ud800\"}"),
            ("surrogates", "{\"model\": \"\\udc00\\ud800\"}"),
            ("control", "{\"model\": \"a\u{01}b\"}"), ("newline", "{\"model\": \"a\nb\"}"), ("array", "[\(good)]"), ("string", "\"model\""),
            ("number", "7"), ("null", "null"), ("true", "true"), ("deeparray", String(repeating: "[", count: 100_000)),
            ("deepobject", String(repeating: "{\"a\":", count: 100_000)),
            ("doublekey", "{\"model\": \"m\", \"model\": \"n\", \"training_file\": \"t.jsonl\"}"),
        ] { json(name, text) }
        raw("nul", Array("{\"model\": \"a".utf8) + [0] + Array("\"}".utf8))
        raw("nuls", [UInt8](repeating: 0, count: 4096))
        raw("utf16", [0xFF, 0xFE] + good.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })
        raw("badutf8", Array("{\"model\": \"".utf8) + [0xC0, 0xAF] + Array("\"}".utf8))
        raw("lonecontinuation", Array("{\"model\": \"".utf8) + [0x80] + Array("\"}".utf8))
        raw("surrogateutf8", Array("{\"model\": \"".utf8) + [0xED, 0xA0, 0x80] + Array("\"}".utf8))
        raw("gzip", [0x1F, 0x8B, 8, 0] + [UInt8](repeating: 7, count: 64))
        raw("elf", [0x7F] + Array("ELF".utf8) + [UInt8](repeating: 0, count: 64))
        raw("random", (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) })
        raw("toolarge", [UInt8](repeating: 0x20, count: 1 << 20) + Array(good.utf8))
        raw("longkey", Array("{\"".utf8) + [UInt8](repeating: 0x61, count: 1_000_000) + Array("\": 1}".utf8))
        raw("twoboms", [0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF] + Array(good.utf8))
        // Values that are not what a key takes.
        for (name, more, param) in [
            ("unknown", "\"evil\": 1", "evil"), ("escapekey", "\"a\\u001b[31m\": 1", nil), ("seedtext", "\"seed\": \"1\"", "seed"),
            ("seednegative", "\"seed\": -1", "seed"), ("seedlarge", "\"seed\": 9223372036854775808", "seed"),
            ("seedhalf", "\"seed\": 1.5", "seed"),
            ("suffixslash", "\"suffix\": \"../x\"", "suffix"),
            ("suffixlong", "\"suffix\": \"\(String(repeating: "x", count: 65))\"", "suffix"),
            ("suffixescape", "\"suffix\": \"\\u001b[2J\"", "suffix"), ("metadatalist", "\"metadata\": []", "metadata"),
            ("metadatamany", "\"metadata\": {\((0..<17).map { "\"k\($0)\": \"v\"" }.joined(separator: ", "))}", "metadata"),
            ("metadatalong", "\"metadata\": {\"k\": \"\(String(repeating: "v", count: 513))\"}", "metadata"),
            ("metadatakey", "\"metadata\": {\"\(String(repeating: "k", count: 65))\": \"v\"}", "metadata"),
            ("rank", "\"adapter\": {\"rank\": 0}", "adapter.rank"), ("ranklarge", "\"adapter\": {\"rank\": 1000000000}", "adapter.rank"),
            ("dropout", "\"adapter\": {\"dropout\": 1}", "adapter.dropout"), ("alpha", "\"adapter\": {\"alpha\": -1}", "adapter.alpha"),
            ("adaptertype", "\"adapter\": {\"type\": \"x\"}", "adapter.type"),
            ("targets", "\"adapter\": {\"target_modules\": []}", "adapter.target_modules"),
            ("targettype", "\"adapter\": {\"target_modules\": [1]}", "adapter.target_modules"),
            ("initroot", "\"adapter\": {\"init_from\": \"/etc\"}", "adapter.init_from"),
            ("initup", "\"adapter\": {\"init_from\": \"../..\"}", "adapter.init_from"),
            ("length", "\"max_length\": 1", "max_length"), ("lengthlarge", "\"max_length\": 99999999999", "max_length"),
            ("split", "\"validation_split\": 1", "validation_split"), ("splitnegative", "\"validation_split\": -0.1", "validation_split"),
            ("device", "\"device\": \"/dev/sda\"", "device"), ("devicecontrol", "\"device\": \"cpu\\n\"", "device"),
            ("precision", "\"precision\": \"float8\"", "precision"), ("priority", "\"priority\": 1001", "priority"),
            ("prioritymin", "\"priority\": -9223372036854775808", "priority"), ("time", "\"time_limit\": 0", "time_limit"),
            ("cost", "\"cost_limit\": -1", "cost_limit"), ("notbefore", "\"not_before\": -1", "not_before"),
            ("aftertext", "\"after\": \"x\"", "after"),
            ("afternone", "\"after\": [\"ftjob-00000000000000000000000000\"]", "after"),
            ("afterpath", "\"after\": [\"../../etc\"]", "after"),
            ("memory", "\"memory_limit\": \"-1GiB\"", "memory_limit"), ("memorynan", "\"memory_limit\": \"nanGiB\"", "memory_limit"),
            ("memoryhuge", "\"memory_limit\": \"1e300TiB\"", "memory_limit"),
            ("every", "\"checkpoint\": {\"every_steps\": 0}", "checkpoint.every_steps"),
            ("keep", "\"checkpoint\": {\"keep\": 0}", "checkpoint.keep"),
            ("warmup", "\"schedule\": {\"warmup_steps\": -1}", "schedule.warmup_steps"),
            ("schedule", "\"schedule\": {\"type\": \"x\"}", "schedule.type"), ("beta", "\"optimizer\": {\"beta1\": 2}", "optimizer.beta1"),
            ("method", "\"method\": {\"type\": \"x\"}", "method.type"), ("methodnull", "\"method\": 7", "method"),
            (
                "epochs", "\"method\": {\"supervised\": {\"hyperparameters\": {\"n_epochs\": 0}}}",
                "method.supervised.hyperparameters.n_epochs"
            ),
            (
                "batch", "\"method\": {\"supervised\": {\"hyperparameters\": {\"batch_size\": 1e9}}}",
                "method.supervised.hyperparameters.batch_size"
            ),
            ("shuffle", "\"shuffle\": \"no\"", "shuffle"), ("excess", "\"on_excess\": \"ignore\"", "on_excess"),
        ] as [(String, String, String?)] { json(name, with(more), param) }
        // Paths.
        for (name, path) in [
            ("passwd", "/etc/passwd"), ("up", "../../../etc/passwd"), ("dotdot", "a/../../jobs"), ("proc", "/proc/self/environ"),
            ("dev", "/dev/zero"),
            ("folder", "."), ("gone", "nothing.jsonl"), ("long", String(repeating: "a/", count: 500)), ("null", "/dev/null"),
            ("tilde", "~/x"),
        ] { json("path-" + name, "{\"model\": \"m\", \"training_file\": \"\(path)\"}", "training_file") }
        for (name, path) in [
            ("up", "../models/m"), ("root", "/etc"), ("gone", "x"), ("hidden", ".m"), ("job", "ftjob-00000000000000000000000000"),
            ("dots", "m/../m"),
        ] {
            json("model-" + name, "{\"model\": \"\(path)\", \"training_file\": \"t.jsonl\"}", "model")
        }
        json("missing-model", "{\"training_file\": \"t.jsonl\"}", "model")
        json("missing-file", "{\"model\": \"m\"}", "training_file")
        json("empty-model", "{\"model\": \"\", \"training_file\": \"t.jsonl\"}", "model")
        // YAML.
        let laughs = (0..<9).map { level in
            "a\(level): &a\(level) [" + [String](repeating: level == 0 ? "x" : "*a\(level - 1)", count: 9).joined(separator: ", ") + "]"
        }
        for (name, text) in [
            ("laughs", laughs.joined(separator: "\n")), ("anchor", "model: &m m\ntraining_file: *m\n"),
            ("merge", "a: &a {model: m}\n<<: *a\n"),
            ("tag", "model: !!python/object/apply:os.system [id]\n"), ("tabs", "model:\tm\n\ttraining_file: t\n"),
            ("two", "model: m\n---\nmodel: n\n"),
            ("list", "- model: m\n"), ("scalar", "model\n"), ("unclosed", "model: \"m\n"), ("flow", "{model: m, training_file: [}\n"),
            ("key", "? [a, b]\n: c\n"), ("double", "model: m\nmodel: n\ntraining_file: t.jsonl\n"),
            ("control", "model: \"\\x01\"\ntraining_file: t.jsonl\n"),
            ("deepflow", String(repeating: "[", count: 50_000)),
            ("deepblock", (0..<500).map { String(repeating: " ", count: $0) + "a:\n" }.joined()),
            ("dashes", String(repeating: "- ", count: 50_000)), ("question", String(repeating: "? ", count: 50_000)), ("empty", ""),
            ("comment", "# nothing\n"), ("percent", "%YAML 9.9\n---\nmodel: m\n"),
            ("no", "model: no\ntraining_file: t.jsonl\nshuffle: no\n"),
            ("binary", "model: !!binary AAAA\ntraining_file: t.jsonl\nevil: 1\n"), ("colon", "model: a: b\n"), ("bang", "!"),
            ("star", "*x\n"),
        ] { yaml(name, text) }
        // Names.
        for name in [
            "name with space.json", "name\nnewline.json", "name\u{1B}[31mred.json", "name;rm.json", "$(id).json", "`id`.json",
            "na%nme.json",
            "naïve.json", "name\\x.json", "name\"x.json", "\u{202E}nosj.json", "name.json.exe", "name", "name.JSON", "name.yaml.txt",
            "name..", "*", "?.json",
            String(repeating: "l", count: 200) + ".json", "|cat.json",
        ] { drops.append(Drop(name: name, bytes: Array(good.utf8))) }
        return drops
    }

    /// Things in `incoming/` that are not plain files.
    /// - Returns: how many.
    static func makeSpecialThings(in layout: SpoolLayout) -> Int {
        func file(_ path: String, _ text: String) { _ = FileManager.default.createFile(atPath: path, contents: Data(text.utf8)) }
        let incoming = layout.incoming
        let outside = layout.root + "/outside.json"
        file(outside, good)
        symlink(outside, incoming + "/special-link.json")
        symlink("/nowhere", incoming + "/special-dangling.json")
        symlink("special-loop.json", incoming + "/special-loop.json")
        symlink("/", incoming + "/special-rootlink")
        link(outside, incoming + "/special-hard.json")
        mkfifo(incoming + "/special-pipe.json", 0o666)
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var made = 6
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = Array((incoming + "/s.json").utf8)
        if path.count < 108 {
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
            }
            if bound == 0 { made += 1 }
        }
        close(descriptor)
        if geteuid() == 0, mknod(incoming + "/special-device.json", S_IFCHR | 0o666, 0x0105) == 0 { made += 1 }
        func folder(_ name: String, _ fill: (String) -> Void) {
            mkdir(incoming + "/" + name, 0o755)
            fill(incoming + "/" + name)
            made += 1
        }
        folder("folder-empty") { _ in }
        folder("folder-link") { symlink(outside, $0 + "/manifest.json") }
        folder("folder-hard") { link(outside, $0 + "/manifest.json") }
        folder("folder-pipe") { mkfifo($0 + "/manifest.json", 0o666) }
        folder("folder-folder") { mkdir($0 + "/manifest.json", 0o755) }
        folder("folder-broken") { file($0 + "/manifest.json", "{") }
        folder("folder-datalink") {
            file($0 + "/manifest.json", #"{"model": "m", "training_file": "d.jsonl"}"#)
            symlink(outside, $0 + "/d.jsonl")
        }
        folder("folder-datadirlink") {
            file($0 + "/manifest.json", #"{"model": "m", "training_file": "d/outside.json"}"#)
            symlink(layout.root, $0 + "/d")
        }
        folder("folder-dataup") { file($0 + "/manifest.json", #"{"model": "m", "training_file": "../../outside.json"}"#) }
        folder("folder-huge") { file($0 + "/manifest.json", String(repeating: " ", count: 1 << 21)) }
        // A name that is not text.
        let name: [UInt8] = Array((incoming + "/").utf8) + [0xFF, 0xFE] + Array(".json".utf8) + [0]
        name.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { pointer in
                if let base = pointer.baseAddress {
                    let descriptor = open(base, O_WRONLY | O_CREAT, 0o644)
                    if descriptor >= 0 {
                        close(descriptor)
                        made += 1
                    }
                }
            }
        }
        return made
    }

    /// A good manifest with something changed: bytes, values, structure.
    static func mutated(using random: inout SplitMix64) -> ([UInt8], isYAML: Bool) {
        let isYAML = random.next() % 3 == 0
        let seeds =
            isYAML
            ? [
                "model: m\ntraining_file: t.jsonl\nseed: 7\nadapter: {type: lora, rank: 8}\n",
                "model: m\ntraining_file: t.jsonl\nmethod:\n  type: supervised\n  supervised:\n    hyperparameters:\n      n_epochs: 3\nafter: [a, b]\n",
            ]
            : [
                good,
                #"{"model":"m","training_file":"t","metadata":{"a":"b"},"optimizer":{"beta1":0.9,"epsilon":1e-8},"after":["x"],"memory_limit":"2GiB"}"#,
                #"{"model":"m","training_file":"t","method":{"type":"pretrain","pretrain":{"hyperparameters":{"max_steps":5,"learning_rate":1e-3}}}}"#,
            ]
        var bytes = Array(seeds[Int(random.next() % UInt64(seeds.count))].utf8)
        let words: [[UInt8]] = [
            "null", "true", "-1", "1e308", "9223372036854775807", "\"\"", "[]", "{}", "\"\\u0000\"", "[[[[[", "{{{{", "auto", "\u{FEFF}",
            "\\", "\n", "&a ", "*a", "!!x ", ": ", "- ", "| ",
        ].map { Array($0.utf8) }
        for _ in 0...(random.next() % 4) where !bytes.isEmpty {
            let place = Int(random.next() % UInt64(bytes.count))
            switch random.next() % 6 {
            case 0: bytes[place] ^= UInt8(1 << (random.next() % 8))
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
            case 3: bytes.insert(contentsOf: words[Int(random.next() % UInt64(words.count))], at: place)
            case 4: bytes.removeSubrange(place..<min(bytes.count, place + 8))
            default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 16)], at: Int(random.next() % UInt64(bytes.count)))
            }
        }
        return (bytes, isYAML)
    }
}
