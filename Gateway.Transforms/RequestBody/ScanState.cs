namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>The states of <see cref="BodyScanner"/>: what the next byte may be. Those of numbers are the last ones.</summary>
internal enum ScanState
{
    /// <summary>Before the object: white space, a byte order mark or its opening brace.</summary>
    Start,

    /// <summary>Inside a byte order mark.</summary>
    ByteOrderMark,

    /// <summary>Behind an opening brace: a member name or the closing brace.</summary>
    ObjectFirst,

    /// <summary>Behind a comma in an object: a member name.</summary>
    ObjectKey,

    /// <summary>Behind a member name.</summary>
    Colon,

    /// <summary>Behind a colon, or behind a comma in an array.</summary>
    Value,

    /// <summary>Behind an opening bracket: a value or the closing bracket.</summary>
    ArrayFirst,

    /// <summary>Behind a value: a comma or the end of its container.</summary>
    AfterValue,

    /// <summary>Behind the object: white space only.</summary>
    End,

    /// <summary>Inside a string.</summary>
    String,

    /// <summary>Behind a backslash.</summary>
    Escape,

    /// <summary>Inside the digits of <c>\uXXXX</c>.</summary>
    Hex,

    /// <summary>Inside <c>true</c>, <c>false</c> or <c>null</c>.</summary>
    Literal,

    /// <summary>Behind a minus sign.</summary>
    Minus,

    /// <summary>Behind a leading zero.</summary>
    Zero,

    /// <summary>Inside the digits of an integer.</summary>
    Integer,

    /// <summary>Behind the decimal point.</summary>
    Point,

    /// <summary>Inside the digits of a fraction.</summary>
    Fraction,

    /// <summary>Behind the <c>e</c> of an exponent.</summary>
    Exponent,

    /// <summary>Behind the sign of an exponent.</summary>
    ExponentSign,

    /// <summary>Inside the digits of an exponent.</summary>
    ExponentDigits,
}
