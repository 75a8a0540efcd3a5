import Glibc

/// Calls `body` with a pointer to a copy of the value.
func withPointer<Value, Result, Failure: Error>(
    _ value: Value, _ body: (UnsafePointer<Value>) throws(Failure) -> Result
) throws(Failure) -> Result {
    let pointer = UnsafeMutablePointer<Value>.allocate(capacity: 1)
    pointer.initialize(to: value)
    defer {
        pointer.deinitialize(count: 1)
        pointer.deallocate()
    }
    return try body(pointer)
}

/// Calls `body` with the elements in memory of their own.
func withElements<Value, Result, Failure: Error>(
    _ values: [Value], _ body: (UnsafeMutableBufferPointer<Value>) throws(Failure) -> Result
) throws(Failure) -> Result {
    let buffer = UnsafeMutableBufferPointer<Value>.allocate(capacity: max(1, values.count))
    _ = buffer.initialize(from: values)
    defer { buffer.deallocate() }
    return try body(UnsafeMutableBufferPointer(rebasing: buffer[0..<values.count]))
}

/// Calls `body` with an array of C strings.
func withCStrings<Result, Failure: Error>(
    _ strings: [String], _ body: (UnsafeBufferPointer<UnsafePointer<CChar>?>) throws(Failure) -> Result
) throws(Failure) -> Result {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return try withElements(copies.map { $0.map { UnsafePointer<CChar>($0) } }) { buffer throws(Failure) in
        try body(UnsafeBufferPointer(buffer))
    }
}
