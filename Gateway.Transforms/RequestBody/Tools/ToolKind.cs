namespace OpenRouterGateway.Transforms.RequestBody.Tools;

/// <summary>Who executes a tool, by its <c>type</c>. Flags, since a tool may repeat the member <c>type</c>.</summary>
[Flags]
internal enum ToolKind
{
    /// <summary>No <c>type</c>: a tool of the client's own.</summary>
    None = 0,

    /// <summary>The client.</summary>
    Client = 1,

    /// <summary>The client; the tools inside are judged one by one.</summary>
    Namespace = 2,

    /// <summary>The client if <c>execution</c> is <c>client</c>, otherwise the server.</summary>
    ToolSearch = 4,

    /// <summary>The client without an <c>engine</c>, otherwise the server.</summary>
    Bash = 8,

    /// <summary>The server. Every unknown type is of this kind.</summary>
    Server = 16,
}
