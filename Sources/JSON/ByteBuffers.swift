extension Array where Element == UInt8 {
    /// Calls a function with the array's memory, keeping the type of what it throws.
    package func withBytes<Result, Failure: Error>(_ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result) throws(Failure) -> Result
    {
        var outcome: Swift.Result<Result, Failure>?
        withUnsafeBufferPointer { buffer in
            do throws(Failure) { outcome = .success(try body(buffer)) } catch { outcome = .failure(error) }
        }
        // The buffer's function has run exactly once.
        switch outcome {
        case .success(let result)?: return result
        case .failure(let failure)?: throw failure
        case nil: return try body(UnsafeBufferPointer(start: nil, count: 0))
        }
    }
}
