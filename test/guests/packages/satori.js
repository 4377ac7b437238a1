// satori draws JSX-like trees as SVG; its layout engine is WebAssembly, the font comes with the request.
import satori, { init } from 'satori/standalone';
import layout from 'satori/layout.wasm';

let ready;

export default {
  async fetch(request) {
    ready ??= init(layout);
    await ready;
    const svg = await satori(
      {
        type: 'div',
        props: {
          style: {
            display: 'flex',
            width: '100%',
            height: '100%',
            background: '#123456',
            color: 'white',
            fontSize: 32,
            padding: 20,
          },
          children: ['Hello, ', { type: 'b', props: { style: { marginLeft: 8 }, children: 'islet' } }],
        },
      },
      {
        width: 300,
        height: 100,
        fonts: [{ name: 'Noto', data: await request.arrayBuffer(), weight: 400, style: 'normal' }],
      },
    );
    return new Response(svg, { headers: { 'content-type': 'image/svg+xml' } });
  },
};
