import Basics

extension SplitMix64 {
    /// A number below `limit`; 0 for a limit of 0.
    mutating func below(_ limit: Int) -> Int { limit <= 0 ? 0 : Int(next() % UInt64(limit)) }
}
