namespace Gateway.Primitives;

/// <summary>The policy for requests that a budget does not cover.</summary>
internal enum ExceededPolicy
{
    /// <summary>Refuse the request.</summary>
    Refuse,

    /// <summary>Let the request pass, and log and count it as if it were refused.</summary>
    Report,
}
