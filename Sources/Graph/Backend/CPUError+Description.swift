extension CPUError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .outOfMemory(let byteCount):
            "the system has no \(byteCount) bytes of memory left: lower batch_size or max_length, or free memory"
        case .cannotStartThreads(let code): "threads cannot be started (error \(code)): lower TALA_THREADS or raise the process limit"
        case .unknownOperation(let name): "the processor has no kernel for \(name)"
        case .badOperand(let operation, let reason): "\(operation): \(reason)"
        case .badMapping(let weight, let byteCount, let expected): "weight \(weight) has \(byteCount) bytes in its file, not \(expected)"
        case .badTransfer(let name, let byteCount, let expected):
            if let expected { "\(name) takes \(expected) bytes, not \(byteCount)" } else { "the program has no input or output \(name)" }
        case .productFailed(let status, let operation):
            "oneDNN failed with status \(status) in \(operation); where run-time code is forbidden set TALA_ONEDNN=0 to use the built-in product"
        }
    }
}
