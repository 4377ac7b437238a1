;; A component that is no HTTP handler: it imports what nobody has and exports a function of its own.
(component
  (import "acme:gadgets/levers@1.0.0" (instance $levers (export "pull" (func (param "n" u32)))))
  (core func $pull (canon lower (func $levers "pull")))
  (core module $program
    (import "" "pull" (func $pull (param i32)))
    (func (export "run") (call $pull (i32.const 1))))
  (core instance $p (instantiate $program (with "" (instance (export "pull" (func $pull))))))
  (func $run (canon lift (core func $p "run")))
  (export "run" (func $run)))
