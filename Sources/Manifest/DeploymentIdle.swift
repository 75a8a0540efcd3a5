extension Deployment {
    /// What happens to a deployment that nobody asks: its engine may end, and starts again with the
    /// next request.
    package struct Idle: Sendable, Hashable {
        /// Seconds without a request after which it is unloaded; nil: never.
        package var unloadAfter: Int?

        package init() {}

        init(_ section: ManifestSection) throws(ManifestError) {
            guard let text = try section.value("unload_after", .text(limit: 32)) else { return }
            guard let seconds = Self.seconds(text) else {
                throw section.failure("unload_after", "\"\(text)\" is no time: write never, or for example 45s, 30min, 2h; 10 s at least")
            }
            unloadAfter = seconds
        }

        /// `.some(nil)` is never; nil if the text is no time.
        static func seconds(_ text: String) -> Int?? {
            if text == "never" { return .some(nil) }
            for (unit, factor) in [("min", 60), ("s", 1), ("h", 3600), ("d", 86_400)] where text.hasSuffix(unit) {
                let digits = text.dropLast(unit.count).filter { $0 != " " }
                guard (1...9).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits),
                    number * factor >= 10
                else { return nil }
                return .some(number * factor)
            }
            return nil
        }
    }
}
