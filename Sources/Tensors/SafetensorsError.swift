/// Why a safetensors file, or a checkpoint made of such files, cannot be used.
package struct SafetensorsError: Error, Sendable, Hashable {
    package enum Reason: Sendable, Hashable {
        case truncated(needed: Int, found: Int)
        case headerTooLarge(UInt64)
        case headerNotJSON(String)
        case headerNotObject
        case badEntry(String)
        case unknownElementType(String)
        case sizeOverflow
        case wrongByteCount(expected: Int, found: Int)
        case offsetsOutside
        case hole(at: Int)
        case overlap(at: Int)
        case trailingBytes(Int)
        case missingTensor
        case badIndex(String)
        case unreadable(String)
        /// Something else lies in the file's place; the words say what.
        case standIn(String)
        /// The folder's weights are in files that are not read.
        case otherWeights(names: [String], advice: String)
    }
    package var path: String
    /// The tensor concerned, if it is one.
    package var tensor: String?
    package var reason: Reason
    /// The system's error number where the file could not be read; nil where what it holds is
    /// wrong.
    package var errorNumber: Int32?

    package init(path: String, tensor: String? = nil, reason: Reason, errorNumber: Int32? = nil) {
        self.path = path
        self.tensor = tensor
        self.reason = reason
        self.errorNumber = errorNumber
    }
}
