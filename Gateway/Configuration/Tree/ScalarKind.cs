namespace Gateway.Configuration.Tree;

/// <summary>The types of a single setting.</summary>
internal enum ScalarKind
{
    /// <summary>A JSON string.</summary>
    Text,

    /// <summary><c>true</c> or <c>false</c>.</summary>
    Flag,

    /// <summary>A whole number of 32 bits.</summary>
    Int32,

    /// <summary>A whole number of 64 bits.</summary>
    Int64,

    /// <summary>A decimal number, never converted to binary floating point.</summary>
    Decimal,

    /// <summary>
    /// A JSON string that messages never show: a secret, a reference to one, or a setting where a secret is likely to be entered by
    /// mistake.
    /// </summary>
    Secret,

    /// <summary>A JSON string <c>hh:mm:ss</c>, optionally with days (<c>1.00:00:00</c>) or fractions (<c>00:00:00.250</c>).</summary>
    Duration,

    /// <summary>One of a list of words, case-insensitive.</summary>
    Word,

    /// <summary>An HTTP version such as <c>1.1</c> or <c>2</c>.</summary>
    Version,

    /// <summary>An absolute URI.</summary>
    Uri,

    /// <summary>Any scalar, kept as text: YARP reads strings, numbers and booleans in the same way.</summary>
    AnyText,
}
