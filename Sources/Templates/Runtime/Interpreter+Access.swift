/// Attributes, items, slices.
extension Interpreter {
    func missing(_ name: String, of value: TemplateValue) -> TemplateValue {
        if case .none = value { return .undefined("'None' has no attribute '\(name)'") }
        return .undefined("'\(value.typeName) object' has no attribute '\(name)'")
    }

    func attribute(_ name: String, of value: TemplateValue) throws(TemplateError) -> TemplateValue {
        if case .undefined(let what) = value { throw undefined(what) }
        if let method = Methods.method(name, of: value) { return method }
        if name.hasPrefix("__"), !isMember(name, of: value) { return Self.hiddenAttribute(name, of: value.typeName) }
        switch value {
        case .dictionary(let dictionary): return dictionary[.string(name)] ?? missing(name, of: value)
        case .object(let object): return object.attributes[name] ?? missing(name, of: value)
        // What groupby gives names its two parts.
        case .tuple(let elements) where elements.count == 2 && name == "grouper": return elements[0]
        case .tuple(let elements) where elements.count == 2 && name == "list": return elements[1]
        case .range(let range):
            switch name {
            case "start": return .int(range.start)
            case "stop": return .int(range.stop)
            case "step": return .int(range.step)
            default: return missing(name, of: value)
            }
        default: return missing(name, of: value)
        }
    }

    /// Whether a name with underscores is a key of a dictionary, and nothing of Python's own.
    private func isMember(_ name: String, of value: TemplateValue) -> Bool {
        if case .dictionary(let dictionary) = value { dictionary[.string(name)] != nil } else { false }
    }

    func item(_ key: TemplateValue, of value: TemplateValue) throws(TemplateError) -> TemplateValue {
        switch value {
        case .undefined(let what): throw undefined(what)
        case .dictionary(let dictionary):
            if let found = dictionary[key] { return found }
        case .list(let elements), .tuple(let elements):
            if let index = key.wholeNumber {
                let place = index < 0 ? index &+ elements.count : index
                if place >= 0, place < elements.count { return elements[place] }
                return .undefined("\(value.typeName) object has no element \(index)")
            }
        case .bytes(let bytes):
            if let index = key.wholeNumber {
                let place = index < 0 ? index &+ bytes.count : index
                return place >= 0 && place < bytes.count ? .int(Int(bytes[place])) : .undefined("bytes object has no element \(index)")
            }
        case .range(let range):
            if let index = key.wholeNumber {
                let place = index < 0 ? index &+ range.count : index
                return place >= 0 && place < range.count ? range[place] : .undefined("range object has no element \(index)")
            }
        case .string(let text), .markup(let text):
            if let index = key.wholeNumber {
                try charge(text.utf8.count)
                let scalars = Array(text.unicodeScalars)
                let place = index < 0 ? index &+ scalars.count : index
                if place >= 0, place < scalars.count { return .string(String(scalars[place])) }
                return .undefined("str object has no element \(index)")
            }
        default: break
        }
        if let name = key.text { return try attribute(name, of: value) }
        return .undefined("\(value.typeName) object has no element \(PythonText.representation(key))")
    }

    func sliced(_ value: TemplateValue, _ from: Int?, _ to: Int?, _ stride: Int?) throws(TemplateError) -> TemplateValue {
        switch value {
        case .list(let elements):
            try requireCount(elements.count)
            return .list(try pick(elements, from, to, stride))
        case .tuple(let elements):
            try requireCount(elements.count)
            return .tuple(try pick(elements, from, to, stride))
        case .bytes(let bytes):
            try requireText(bytes.count)
            return .bytes(try pick(bytes, from, to, stride))
        case .range(let range):
            let places = try pick(Array(0..<range.count), from, to, stride)
            let step = range.step &* (stride ?? 1)
            let first = places.first.map { range.start &+ $0 &* range.step } ?? range.start
            return .range(
                TemplateRange(start: first, stop: try stop(range, to, stride, first), step: step, count: places.count))
        case .string(let text), .markup(let text):
            try charge(text.utf8.count)
            var view = String.UnicodeScalarView()
            view.append(contentsOf: try pick(Array(text.unicodeScalars), from, to, stride))
            return .string(String(view))
        case .undefined(let what): throw undefined(what)
        default: throw failure("TypeError", "'\(value.typeName)' object is not subscriptable")
        }
    }

    /// Where Python says that a slice of a range ends.
    func stop(_ range: TemplateRange, _ to: Int?, _ stride: Int?, _ first: Int) throws(TemplateError) -> Int {
        let isDown = (stride ?? 1) < 0
        guard let to else { return range.start &+ (isDown ? -1 : range.count) &* range.step }
        let place =
            to < 0 ? max(isDown ? -1 : 0, to < -range.count ? -1 : to + range.count) : min(to, isDown ? range.count - 1 : range.count)
        return range.start &+ max(place, isDown ? -1 : 0) &* range.step
    }

    /// Python's slice of a sequence.
    func pick<Element>(_ elements: [Element], _ from: Int?, _ to: Int?, _ stride: Int?) throws(TemplateError) -> [Element] {
        let step = stride ?? 1
        guard step != 0 else { throw failure("ValueError", "slice step cannot be zero") }
        let count = elements.count
        func clamp(_ index: Int, _ low: Int, _ high: Int) -> Int {
            let place = index < 0 ? (index < -count ? -1 : index + count) : index
            return min(max(place, low), high)
        }
        var result: [Element] = []
        if step > 0 {
            var index = from.map { clamp($0, 0, count) } ?? 0
            let end = to.map { clamp($0, 0, count) } ?? count
            while index < end {
                result.append(elements[index])
                let (next, overflow) = index.addingReportingOverflow(step)
                if overflow { break }
                index = next
            }
        } else {
            var index = from.map { clamp($0, -1, count - 1) } ?? count - 1
            let end = to.map { clamp($0, -1, count - 1) } ?? -1
            while index > end {
                result.append(elements[index])
                let (next, overflow) = index.addingReportingOverflow(step)
                if overflow { break }
                index = next
            }
        }
        return result
    }
}
