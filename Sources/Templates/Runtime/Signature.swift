/// What a built-in takes, so that a call that does not fit is refused as Python refuses it.
struct Signature {
    var parameters: [String]
    var requiredCount: Int
    /// Parameters that cannot be given by name, as those of Python's own string methods.
    var isPositional: Bool
    var takesMore: Bool

    init(_ parameters: [String] = [], required: Int = 0, positional: Bool = false, takesMore: Bool = false) {
        self.parameters = parameters
        requiredCount = required
        isPositional = positional
        self.takesMore = takesMore
    }

    func check(_ arguments: Arguments, _ name: String, _ interpreter: Interpreter) throws(TemplateError) {
        if takesMore { return }
        let count = arguments.positional.count
        guard count <= parameters.count else {
            throw interpreter.failure(
                "TypeError", "\(name)() takes at most \(parameters.count) argument\(parameters.count == 1 ? "" : "s") (\(count) given)")
        }
        for (keyword, _) in arguments.named {
            if isPositional { throw interpreter.failure("TypeError", "\(name)() takes no keyword arguments") }
            guard let place = parameters.firstIndex(of: keyword) else {
                throw interpreter.failure("TypeError", "\(name)() got an unexpected keyword argument '\(keyword)'")
            }
            if place < count { throw interpreter.failure("TypeError", "\(name)() got multiple values for argument '\(keyword)'") }
        }
        for (index, parameter) in parameters.prefix(requiredCount).enumerated() where index >= count {
            guard arguments.named.contains(where: { $0.name == parameter }) else {
                throw interpreter.failure("TypeError", "\(name)() missing a required argument: '\(parameter)'")
            }
        }
    }
}
