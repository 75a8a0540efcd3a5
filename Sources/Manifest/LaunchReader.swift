import JSON

extension Launch {
    /// Reads the section `launch` of a policy.
    /// - Throws: ``ManifestError`` with the key, its place and what would be right.
    init(_ root: ManifestSection) throws(ManifestError) {
        self.init()
        guard let section = try root.section("launch", ["launcher", "hosts", "network", "partition", "processor_shares"]) else { return }
        if let word = try section.value("launcher", .text(limit: 16)) {
            guard let launcher = Launcher(rawValue: word) else {
                let known = Launcher.allCases.map(\.rawValue).joined(separator: ", ")
                throw section.failure("launcher", "\"\(word)\" is no launcher; known are \(known)")
            }
            self.launcher = launcher
        }
        hosts = try section.value("hosts", .texts(limit: 1024)) ?? []
        for host in hosts where !Self.isName(host) { throw section.failure("hosts", "\"\(host)\" is no name of a host") }
        if launcher == .none, !hosts.isEmpty {
            throw section.failure("hosts", "with launcher none one worker of this host carries each job")
        }
        network = try section.value("network", .text(limit: 64))
        if let network, !Self.isNetwork(network) {
            throw section.failure("network", "\"\(network)\" is no network; write one as 10.0.0.0/24")
        }
        partition = try section.value("partition", .text(limit: 64))
        if let partition, !Self.isName(partition) { throw section.failure("partition", "\"\(partition)\" is no name of a partition") }
        processorShares = try section.value("processor_shares", .integer(1...64)) ?? 1
    }

    /// Letters, digits, `-`, `_` and `.`, and no `-` at the beginning: what becomes a word of a
    /// command line.
    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && !text.hasPrefix("-")
            && text.utf8.allSatisfy { byte in
                byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            }
    }

    private static func isNetwork(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let bits = Int(parts[1]), (0...32).contains(bits) else { return false }
        let numbers = parts[0].split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        return numbers.count == 4 && numbers.allSatisfy { $0.map { (0...255).contains($0) } ?? false }
    }
}
