import Glibc

extension FileOperation {
    package var kind: Kind {
        switch self {
        case .open(_, let flags, _): flags & O_CREAT != 0 ? .create : .open
        case .read: .read
        case .write: .write
        case .clone: .clone
        case .truncate: .truncate
        case .reserve: .reserve
        case .sync(_, _, let isFolder): isFolder ? .syncFolder : .sync
        case .close: .close
        case .map: .map
        case .rename: .rename
        case .remove: .remove
        case .makeFolder: .makeFolder
        case .removeFolder: .removeFolder
        case .list: .list
        case .start: .start
        }
    }

    /// The path that the operation is about; of a rename the new one.
    package var path: String {
        switch self {
        case .open(let path, _, _), .read(_, _, let path), .write(_, _, let path), .clone(_, _, let path), .truncate(_, _, let path),
            .reserve(_, _, let path),
            .sync(_, let path, _), .close(_, let path), .map(_, _, let path), .rename(_, let path), .remove(let path),
            .makeFolder(let path, _), .removeFolder(let path), .list(let path),
            .start(let path):
            path
        }
    }

    /// The word that an error message has for it.
    package var word: String {
        switch kind {
        case .syncFolder: "sync"
        case .makeFolder: "create folder"
        case .removeFolder: "remove folder"
        case .list: "open folder"
        case let kind: kind.rawValue
        }
    }
}
