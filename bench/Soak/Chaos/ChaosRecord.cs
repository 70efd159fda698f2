using System.Collections.Concurrent;

namespace Soak.Chaos;

/// <summary>Everything that the callers saw: each call is judged and counted.</summary>
internal sealed class ChaosRecord(Outcomes outcomes, ChaosVerdict verdict)
{
    private readonly ConcurrentQueue<ChaosCall> _calls = new();
    private readonly ConcurrentDictionary<(bool IsDirect, bool IsHttp2, bool HasOwnFault), Availability> _availability = new();

    /// <summary>The calls through the gateway, without the bodies of their responses.</summary>
    public IReadOnlyCollection<ChaosCall> Calls => _calls;

    /// <summary>Records a call to an upstream directly, for comparison.</summary>
    public void AddDirect(ChaosCall call) => Count(call, isDirect: true);

    /// <summary>Records and judges a call through the gateway.</summary>
    public void Add(ChaosCall call)
    {
        Count(call, isDirect: false);
        outcomes.Count(call.Fault, call.Answer.Status);

        // The audit needs the headers only.
        _calls.Enqueue(call with { Answer = call.Answer with { Body = [] } });
        if (call.Fault != ChaosCall.Leave && verdict.FaultOf(call) is { } fault)
        {
            outcomes.Fail(call.Fault, $"{call.Id}, {Name(call)}", fault);
        }
    }

    /// <summary>The share of whole responses.</summary>
    public Availability Share(bool isDirect, bool isHttp2, bool hasOwnFault) =>
        _availability.GetValueOrDefault((isDirect, isHttp2, hasOwnFault)) ?? new Availability();

    private void Count(ChaosCall call, bool isDirect)
    {
        if (call.Fault != ChaosCall.Leave)
        {
            var hasOwnFault = call.Fault is not (ChaosCall.None or ChaosCall.Episodes);
            _availability.GetOrAdd((isDirect, call.IsHttp2, hasOwnFault), static _ => new Availability()).Count(ChaosVerdict.IsSuccess(call));
        }
    }

    private static string Name(ChaosCall call) =>
        $"endpoint {call.Endpoint}, {(call.Streams ? "stream" : "JSON")}, HTTP/{(call.IsHttp2 ? "2" : "1.1")}";
}
