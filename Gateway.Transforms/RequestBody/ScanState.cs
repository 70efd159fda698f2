namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// The states of <see cref="BodyScanner"/>: each determines the valid next bytes. The states of numbers are the last ones.
/// </summary>
internal enum ScanState
{
    /// <summary>Before the object: white space, a byte order mark or its opening brace.</summary>
    Start,

    /// <summary>Inside a byte order mark.</summary>
    ByteOrderMark,

    /// <summary>After an opening brace: a member name or the closing brace.</summary>
    ObjectFirst,

    /// <summary>After a comma in an object: a member name.</summary>
    ObjectKey,

    /// <summary>After a member name.</summary>
    Colon,

    /// <summary>After a colon, or after a comma in an array.</summary>
    Value,

    /// <summary>After an opening bracket: a value or the closing bracket.</summary>
    ArrayFirst,

    /// <summary>After a value: a comma or the end of its container.</summary>
    AfterValue,

    /// <summary>After the object: white space only.</summary>
    End,

    /// <summary>Inside a string.</summary>
    String,

    /// <summary>After a backslash.</summary>
    Escape,

    /// <summary>Inside the digits of <c>\uXXXX</c>.</summary>
    Hex,

    /// <summary>Inside <c>true</c>, <c>false</c> or <c>null</c>.</summary>
    Literal,

    /// <summary>After a minus sign.</summary>
    Minus,

    /// <summary>After a leading zero.</summary>
    Zero,

    /// <summary>Inside the digits of an integer.</summary>
    Integer,

    /// <summary>After the decimal point.</summary>
    Point,

    /// <summary>Inside the digits of a fraction.</summary>
    Fraction,

    /// <summary>After the <c>e</c> of an exponent.</summary>
    Exponent,

    /// <summary>After the sign of an exponent.</summary>
    ExponentSign,

    /// <summary>Inside the digits of an exponent.</summary>
    ExponentDigits,
}
