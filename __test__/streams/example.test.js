"use strict";

const { run } = require("../helpers");

test("examples/streams.js answers line by line, and ends by itself (R-streams, R-iterate, R-abort)", async () => {
  const { code, stdout, stderr } = await run(`require("./examples/streams.js");`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^connected to 127\.0\.0\.1, port \d+\nONE\nTWO\nTHREE\ndone\n$/);
});
