// What gRPC's statuses and HTTP's stand for among each other (gRPC, "HTTP to gRPC Status Code Mapping"; the way back is
// Envoy's).

/** gRPC's, for a response that has an HTTP status only. */
export function grpcStatusOfHttp(status: number): number {
  switch (status) {
    case 400: return 13;
    case 401: return 16;
    case 403: return 7;
    case 404: return 12;
    case 429: case 502: case 503: case 504: return 14;
    default: return 2;
  }
}

const httpStatuses = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
/** HTTP's, for one of gRPC; NaN: that is none. */
export const httpStatusOfGrpc = (status: number): number =>
  Number.isNaN(status) ? 503 : httpStatuses[status] ?? 500;
