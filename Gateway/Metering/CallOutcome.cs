using Gateway.Billing;

namespace Gateway.Metering;

/// <summary>The outcome of a call: all facts that decide its charge.</summary>
internal readonly record struct CallOutcome
{
    /// <summary>
    /// Whether upstream can have processed any byte of the request. It cannot if no connection was made, or if upstream has said so
    /// (<c>REFUSED_STREAM</c>, a stream above the last one of a <c>GOAWAY</c>).
    /// </summary>
    public bool WasSent { get; init; }

    /// <summary>The status of upstream's response; <see langword="null"/> without a response.</summary>
    public int? Status { get; init; }

    /// <summary>Whether upstream has named the generation, so that its bill can be requested.</summary>
    public bool IsNamed { get; init; }

    /// <summary>Whether the only data of the response is upstream's error.</summary>
    public bool IsErrorOnly { get; init; }

    /// <summary>Whether more was generated after the last cost that the response told.</summary>
    public bool IsCostInterim { get; init; }

    /// <summary>The facts read from the response.</summary>
    public required ResponseFacts Facts { get; init; }

    /// <summary>
    /// The bill, if the response is complete. A cost that is told before the end is not the bill: more may be generated after it.
    /// </summary>
    public Usage? Bill => !IsCostInterim && Facts is { IsComplete: true, Usage: { Cost: not null } usage } ? usage : null;

    /// <summary>Whether upstream has failed or refused the call.</summary>
    public bool IsError => Status is >= 400 || Facts.HasError;

    /// <summary>Whether the status shows a refusal that is hardly ever billed: 400 to 429, except a timeout.</summary>
    public bool IsRefusal => Status is >= 400 and <= 429 and not 408;

    /// <summary>
    /// Whether a response without an id proves that nothing was generated: a redirect, a status without a body, a failure of the CDN before
    /// it reached the origin, a client error, or upstream's own error. A timeout (408, 499, 524) and the error page of an intermediary
    /// (500, 502, 503, 504, 520) prove nothing.
    /// </summary>
    public bool IsFree => Status is not null && (IsErrorOnly || Status switch
    {
        204 or 205 => true,
        >= 300 and < 400 => true,
        408 or 499 => false,
        >= 400 and < 500 => true,
        521 or 522 or 523 or 525 or 526 or 527 or 530 => true,
        _ => false,
    });
}
