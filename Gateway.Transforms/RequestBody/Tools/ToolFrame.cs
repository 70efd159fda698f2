namespace OpenRouterGateway.Transforms.RequestBody.Tools;

/// <summary>An open element of <c>tools</c> or <c>plugins</c> during the scan.</summary>
internal struct ToolFrame
{
    /// <summary>The nesting depth of its own members.</summary>
    public int Depth;

    /// <summary>The depth of the elements of its open <c>tools</c> array; 0 if none is open.</summary>
    public int ElementsDepth;

    /// <summary>Whether it is a plugin.</summary>
    public bool IsPlugin;

    /// <summary>The kinds of its types.</summary>
    public ToolKind Kinds;

    /// <summary>Whether its content is not looked into: it has the type of a client's own tool.</summary>
    public bool IsSkipped;

    /// <summary>Whether content was skipped before another <c>type</c> followed.</summary>
    public bool WasSkipped;

    public bool IsEnabled;
    public bool IsDisabled;
    public bool HasClientExecution;
    public bool HasServerExecution;
    public bool HasEngine;
    public bool HasPreset;
    public bool PinsModel;

    // Where its entries begin in the lists of the scanner.
    public int FirstName;
    public int FirstModel;
    public int FirstUse;

    /// <summary>Why it exceeds a limit. It matters only if it proves to be a server tool.</summary>
    public string? Problem;
}
