// The operations of a tree, each group in its own type.

extension Tree {
    /// Makes, removes and renames names, and adds hard links.
    package var names: NameChanges { NameChanges(tree: self) }
    /// Changes the attributes of inodes, including extended attributes.
    package var attributes: FileAttributes { FileAttributes(tree: self) }
    /// Lists directories.
    package var directories: DirectoryReader { DirectoryReader(tree: self) }
    /// The tree's part in reads and edits of a file.
    package var edits: EditSessions { EditSessions(tree: self) }
    /// Restores the content of files within transactions.
    package var restores: ContentRestores { ContentRestores(tree: self) }
    /// Relates inodes to files of the base: their content as it was when touched, or as it is now.
    package var baseFiles: BaseFiles { BaseFiles(tree: self) }
    /// The state of the base that is seen.
    package var seenState: SeenState { SeenState(tree: self) }
    /// The part of checkpoints that takes changes from memory and frees it.
    package var checkpoints: TreeCheckpoints { TreeCheckpoints(tree: self) }
    /// The part of recovery that mends the tree.
    package var recovery: TreeRecovery { TreeRecovery(tree: self) }
    /// The use of memory and disk space by the tree.
    package var bounds: TreeBounds { TreeBounds(tree: self) }
    /// Resolves paths, and finds paths of inodes.
    package var paths: PathLookup { PathLookup(tree: self) }
}
