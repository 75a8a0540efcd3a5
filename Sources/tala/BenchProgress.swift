import Storage

/// Tells on standard error what a benchmark is doing, with the seconds since it began.
final class BenchProgress {
    private let start = BenchClock.now()
    private var lastSaid = -Double.infinity
    private let isSilent: Bool

    init(isSilent: Bool = false) { self.isSilent = isSilent }

    /// Seconds since it began.
    var elapsed: Double { BenchClock.now() - start }

    /// - Parameter interval: seconds since the last line within which nothing is said.
    func say(_ text: String, atMostEvery interval: Double = 0) {
        let now = BenchClock.now() - start
        guard !isSilent, now - lastSaid >= interval else { return }
        lastSaid = now
        StandardError.write("[\(Self.seconds(now))] \(text)\n")
    }

    /// `12.3 s`
    static func seconds(_ number: Double) -> String {
        guard number.isFinite, abs(number) < 1e12 else { return "? s" }
        return "\((number * 10).rounded() / 10) s"
    }
}
