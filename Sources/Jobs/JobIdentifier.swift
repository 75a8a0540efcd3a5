/// Names of jobs and events: a prefix and a ULID (github.com/ulid/spec), so that names in
/// alphabetical order are in order of time.
package enum JobIdentifier {
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    /// 26 characters: 48 bits of milliseconds since 1970, 80 random bits.
    package static func ulid(milliseconds: UInt64, using random: inout some RandomNumberGenerator) -> String {
        var characters: [UInt8] = []
        for shift in stride(from: 45, through: 0, by: -5) { characters.append(alphabet[Int(milliseconds >> UInt64(shift) & 31)]) }
        for _ in 0..<16 { characters.append(alphabet[Int(random.next(upperBound: UInt64(32)))]) }
        return String(decoding: characters, as: UTF8.self)
    }

    package static func job(milliseconds: UInt64) -> String {
        var random = SystemRandomNumberGenerator()
        return "ftjob-" + ulid(milliseconds: milliseconds, using: &random)
    }

    /// The milliseconds since 1970 in a job's name.
    package static func milliseconds(of job: some StringProtocol) -> UInt64? {
        guard isJob(job) else { return nil }
        // 50 bits of which the first two are always 0.
        return job.utf8.dropFirst(6).prefix(10).reduce(UInt64(0)) { $0 << 5 | UInt64(alphabet.firstIndex(of: $1) ?? 0) }
    }

    /// Whether a word is a job's name: what stands in a path must be nothing else.
    package static func isJob(_ word: some StringProtocol) -> Bool {
        word.hasPrefix("ftjob-") && word.utf8.count == 32 && word.utf8.dropFirst(6).allSatisfy { alphabet.contains($0) }
    }
}
