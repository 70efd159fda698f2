using Gateway.Billing;
using Gateway.Errors;
using Gateway.Requests;

namespace Gateway.Admission;

/// <summary>
/// The InFlight phase. Counts the request as in flight, and refuses it above the limit. If <see cref="RequestsInFlight.CutAll"/> is called, the request's
/// <c>RequestAborted</c> token is cancelled while the client is still connected: the inner phases give up, and the client receives an error.
/// </summary>
internal sealed class InFlightMiddleware
{
    private readonly RequestDelegate _next;
    private readonly RequestsInFlight _inFlight;

    public InFlightMiddleware(RequestDelegate next, RequestsInFlight inFlight)
    {
        _next = next;
        _inFlight = inFlight;
    }

    public Task InvokeAsync(HttpContext context) =>
        _inFlight.TryEnter() ? InvokeCoreAsync(context) : ErrorMiddleware.RefuseAsync(context, GatewayError.ServerBusy);

    private async Task InvokeCoreAsync(HttpContext context)
    {
        var request = GatewayContext.Of(context);
        var clientLeft = context.RequestAborted;
        using var lifetime = new Lifetime(request, clientLeft, _inFlight.Cut);
        request.Cut = _inFlight.Cut;
        context.RequestAborted = lifetime.Token;
        try
        {
            await _next(context);
        }
        finally
        {
            _inFlight.Exit();
            context.RequestAborted = clientLeft;
        }
    }

    /// <summary>Cancelled when the client leaves or the request is cut. A cut is recorded as the request's end before the cancellation.</summary>
    private sealed class Lifetime : CancellationTokenSource
    {
        private readonly GatewayContext _request;
        private readonly CancellationTokenRegistration _clientLeft;
        private readonly CancellationTokenRegistration _cut;

        public Lifetime(GatewayContext request, CancellationToken clientLeft, CancellationToken cut)
        {
            _request = request;
            _clientLeft = clientLeft.UnsafeRegister(static lifetime => ((Lifetime)lifetime!).Cancel(), this);
            _cut = cut.UnsafeRegister(static lifetime => ((Lifetime)lifetime!).OnCut(), this);
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                // Waits for a callback in progress, which uses this instance.
                _clientLeft.Dispose();
                _cut.Dispose();
            }

            base.Dispose(disposing);
        }

        private void OnCut()
        {
            _request.EndAs(RequestEnd.Shutdown);
            Cancel();
        }
    }
}
