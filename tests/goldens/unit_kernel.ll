; ModuleID = "cellwright"
target triple = "unknown-unknown-unknown"
target datalayout = ""

define void @"forward"(ptr %"numbers", ptr %"addresses", i64 %"steps", i64 %"first", i64 %"last")
{
entry:
  %".7" = getelementptr i64, ptr %"numbers", i64 0
  %"chunk" = load i64, ptr %".7", align 8
  %".8" = getelementptr i64, ptr %"numbers", i64 1
  %"product function" = load i64, ptr %".8", align 8
  %".9" = inttoptr i64 %"product function" to void (i64, ptr, i64, i64, i64, i64, ptr, ptr, i64, i64, i64, i64, i64)*
  %".10" = getelementptr i64, ptr %"numbers", i64 2
  %"lengths.row" = load i64, ptr %".10", align 8
  %".19" = getelementptr i64, ptr %"numbers", i64 3
  %"state h.mask" = load i64, ptr %".19", align 8
  %".21" = getelementptr i64, ptr %"addresses", i64 0
  %"tensor @output" = load i64, ptr %".21", align 8
  %".22" = getelementptr i64, ptr %"numbers", i64 4
  %"state h.offset" = load i64, ptr %".22", align 8
  %".23" = add i64 %"tensor @output", %"state h.offset"
  %"state h" = inttoptr i64 %".23" to ptr
  %".24" = getelementptr i64, ptr %"numbers", i64 5
  %"state h.time" = load i64, ptr %".24", align 8
  %".27" = getelementptr i64, ptr %"addresses", i64 1
  %"tensor h" = load i64, ptr %".27", align 8
  %".28" = getelementptr i64, ptr %"numbers", i64 6
  %"state h.initial.offset" = load i64, ptr %".28", align 8
  %".29" = add i64 %"tensor h", %"state h.initial.offset"
  %"state h.initial" = inttoptr i64 %".29" to ptr
  %".30" = getelementptr i64, ptr %"numbers", i64 7
  %"state h.initial.row" = load i64, ptr %".30", align 8
  %".31" = getelementptr i64, ptr %"numbers", i64 8
  %"state h.row" = load i64, ptr %".31", align 8
  %".37" = alloca i64
  %".45" = getelementptr i64, ptr %"addresses", i64 2
  %"tensor @lengths" = load i64, ptr %".45", align 8
  %".46" = getelementptr i64, ptr %"numbers", i64 9
  %"lengths.offset" = load i64, ptr %".46", align 8
  %".47" = add i64 %"tensor @lengths", %"lengths.offset"
  %"lengths" = inttoptr i64 %".47" to ptr
  %".65" = alloca i1
  %".67" = getelementptr i64, ptr %"numbers", i64 10
  %"resets.row" = load i64, ptr %".67", align 8
  %".75" = getelementptr i64, ptr %"numbers", i64 11
  %"resets.time" = load i64, ptr %".75", align 8
  %".79" = getelementptr i64, ptr %"addresses", i64 3
  %"tensor @resets" = load i64, ptr %".79", align 8
  %".80" = getelementptr i64, ptr %"numbers", i64 12
  %"resets.offset" = load i64, ptr %".80", align 8
  %".81" = add i64 %"tensor @resets", %"resets.offset"
  %"resets" = inttoptr i64 %".81" to ptr
  %".91" = getelementptr i64, ptr %"addresses", i64 4
  %"tensor @scratch" = load i64, ptr %".91", align 8
  %".92" = getelementptr i64, ptr %"numbers", i64 13
  %"state h.entered.offset" = load i64, ptr %".92", align 8
  %".93" = add i64 %"tensor @scratch", %"state h.entered.offset"
  %"state h.entered" = inttoptr i64 %".93" to ptr
  %".94" = getelementptr i64, ptr %"numbers", i64 14
  %"state h.entered.row" = load i64, ptr %".94", align 8
  %".106" = getelementptr i64, ptr %"numbers", i64 15
  %"size unit" = load i64, ptr %".106", align 8
  %".107" = mul i64 1, %"size unit"
  %".150" = getelementptr i64, ptr %"numbers", i64 16
  %"joined" = load i64, ptr %".150", align 8
  %".156" = getelementptr i64, ptr %"numbers", i64 17
  %"input x.time" = load i64, ptr %".156", align 8
  %".157" = getelementptr i64, ptr %"numbers", i64 18
  %"product 0.0.time" = load i64, ptr %".157", align 8
  %".158" = getelementptr i64, ptr %"addresses", i64 5
  %"tensor x" = load i64, ptr %".158", align 8
  %".159" = getelementptr i64, ptr %"numbers", i64 19
  %"input x.offset" = load i64, ptr %".159", align 8
  %".160" = add i64 %"tensor x", %"input x.offset"
  %"input x" = inttoptr i64 %".160" to ptr
  %".163" = getelementptr i64, ptr %"numbers", i64 20
  %"input x.row" = load i64, ptr %".163", align 8
  %".164" = getelementptr i64, ptr %"numbers", i64 21
  %"product 0.0.offset" = load i64, ptr %".164", align 8
  %".165" = add i64 %"tensor @scratch", %"product 0.0.offset"
  %"product 0.0" = inttoptr i64 %".165" to ptr
  %".168" = getelementptr i64, ptr %"numbers", i64 22
  %"product 0.0.row" = load i64, ptr %".168", align 8
  %".171" = getelementptr i64, ptr %"numbers", i64 23
  %"matrix 0.0.depth" = load i64, ptr %".171", align 8
  %".172" = getelementptr i64, ptr %"numbers", i64 24
  %"matrix 0.0.columns" = load i64, ptr %".172", align 8
  %".173" = getelementptr i64, ptr %"addresses", i64 6
  %"tensor @packed" = load i64, ptr %".173", align 8
  %".174" = getelementptr i64, ptr %"numbers", i64 25
  %"matrix 0.0.offset" = load i64, ptr %".174", align 8
  %".175" = add i64 %"tensor @packed", %"matrix 0.0.offset"
  %"matrix 0.0" = inttoptr i64 %".175" to ptr
  %".185" = getelementptr i64, ptr %"numbers", i64 26
  %"matrix 0.1.depth" = load i64, ptr %".185", align 8
  %".186" = getelementptr i64, ptr %"numbers", i64 27
  %"matrix 0.1.columns" = load i64, ptr %".186", align 8
  %".187" = getelementptr i64, ptr %"numbers", i64 28
  %"matrix 0.1.offset" = load i64, ptr %".187", align 8
  %".188" = add i64 %"tensor @packed", %"matrix 0.1.offset"
  %"matrix 0.1" = inttoptr i64 %".188" to ptr
  %".232" = getelementptr i64, ptr %"addresses", i64 7
  %"tensor bias_ih" = load i64, ptr %".232", align 8
  %".233" = getelementptr i64, ptr %"numbers", i64 29
  %"parameter bias_ih.u.offset" = load i64, ptr %".233", align 8
  %".234" = add i64 %"tensor bias_ih", %"parameter bias_ih.u.offset"
  %"parameter bias_ih.u" = inttoptr i64 %".234" to ptr
  %".235" = getelementptr i64, ptr %"numbers", i64 30
  %"parameter bias_ih.u.time" = load i64, ptr %".235", align 8
  %".238" = getelementptr i64, ptr %"numbers", i64 31
  %"parameter bias_ih.u.row" = load i64, ptr %".238", align 8
  %".344" = getelementptr i64, ptr %"addresses", i64 8
  %"tensor @final h" = load i64, ptr %".344", align 8
  %".345" = getelementptr i64, ptr %"numbers", i64 32
  %"final h.offset" = load i64, ptr %".345", align 8
  %".346" = add i64 %"tensor @final h", %"final h.offset"
  %"final h" = inttoptr i64 %".346" to ptr
  %".347" = getelementptr i64, ptr %"numbers", i64 33
  %"final h.row" = load i64, ptr %".347", align 8
  br label %"start"
start:
  %".11" = icmp ne i64 %"lengths.row", 0
  br label %"head"
head:
  %".13" = phi  i64 [0, %"start"], [%".326", %"after.4"]
  %".14" = icmp slt i64 %".13", %"steps"
  br i1 %".14", label %"body", label %"after"
body:
  %".16" = srem i64 %".13", %"chunk"
  %".17" = icmp sle i64 %".13", 0
  %".18" = sub i64 %".13", 1
  %".20" = and i64 %".18", %"state h.mask"
  %".25" = mul i64 %"state h.time", %".20"
  %".26" = getelementptr float, ptr %"state h", i64 %".25"
  %".32" = select  i1 %".17", i64 %"state h.initial.row", i64 %"state h.row"
  %".33" = select  i1 %".17", ptr %"state h.initial", ptr %".26"
  %".34" = and i64 %".13", %"state h.mask"
  %".35" = mul i64 %"state h.time", %".34"
  %".36" = getelementptr float, ptr %"state h", i64 %".35"
  store i64 %"last", i64* %".37", align 8
  br i1 %".11", label %"body.if", label %"body.endif"
after:
  br label %"head.7"
body.if:
  br label %"top"
body.endif:
  %".56" = load i64, i64* %".37", align 8
  %".57" = sub i64 %".56", %"first"
  %".58" = sub i64 2, 1
  %".59" = add i64 %".57", %".58"
  %".60" = sdiv i64 %".59", 2
  %".61" = mul i64 %".60", 2
  %".62" = add i64 %"first", %".61"
  %".63" = icmp slt i64 %".62", %"last"
  %".64" = select  i1 %".63", i64 %".62", i64 %"last"
  store i1 0, i1* %".65"
  %".68" = icmp ne i64 %"resets.row", 0
  br i1 %".68", label %"body.endif.if", label %"body.endif.endif"
top:
  %".41" = load i64, i64* %".37", align 8
  %".42" = sub i64 %".41", 1
  %".43" = icmp sge i64 %".42", %"first"
  br i1 %".43", label %"lower", label %"found"
lower:
  %".48" = mul i64 %".42", %"lengths.row"
  %".49" = getelementptr i64, ptr %"lengths", i64 %".48"
  %".50" = load i64, ptr %".49", align 8
  %".51" = icmp sle i64 %".50", %".13"
  br i1 %".51", label %"lowered", label %"found"
found:
  br label %"body.endif"
lowered:
  store i64 %".42", i64* %".37", align 8
  br label %"top"
body.endif.if:
  br label %"head.1"
body.endif.endif:
  %".90" = load i1, i1* %".65"
  br i1 %".90", label %"body.endif.endif.if", label %"body.endif.endif.endif"
head.1:
  %".71" = phi  i64 [%"first", %"body.endif.if"], [%".87", %"body.1"]
  %".72" = icmp slt i64 %".71", %"last"
  br i1 %".72", label %"body.1", label %"after.1"
body.1:
  %".74" = load i1, i1* %".65"
  %".76" = mul i64 %".13", %"resets.time"
  %".77" = mul i64 %".71", %"resets.row"
  %".78" = add i64 %".76", %".77"
  %".82" = getelementptr i8, ptr %"resets", i64 %".78"
  %".83" = load i8, ptr %".82", align 1
  %".84" = icmp ne i8 %".83", 0
  %".85" = or i1 %".74", %".84"
  store i1 %".85", i1* %".65"
  %".87" = add i64 %".71", 1
  br label %"head.1"
after.1:
  br label %"body.endif.endif"
body.endif.endif.if:
  br label %"head.2"
body.endif.endif.endif:
  %".143" = select  i1 %".90", ptr %"state h.entered", ptr %".33"
  %".144" = select  i1 %".90", i64 %"state h.entered.row", i64 %".32"
  %".145" = icmp eq i64 %".16", 0
  br i1 %".145", label %"body.endif.endif.endif.if", label %"body.endif.endif.endif.endif"
head.2:
  %".97" = phi  i64 [%"first", %"body.endif.endif.if"], [%".140", %"after.3.endif"]
  %".98" = icmp slt i64 %".97", %"last"
  br i1 %".98", label %"body.2", label %"after.2"
body.2:
  %".100" = mul i64 %".13", %"resets.time"
  %".101" = mul i64 %".97", %"resets.row"
  %".102" = add i64 %".100", %".101"
  %".103" = getelementptr i8, ptr %"resets", i64 %".102"
  %".104" = load i8, ptr %".103", align 1
  %".105" = icmp ne i8 %".104", 0
  %".108" = and i64 %".107", -4
  br label %"head.3"
after.2:
  br label %"body.endif.endif.endif"
head.3:
  %".110" = phi  i64 [0, %"body.2"], [%".122", %"body.3"]
  %".111" = icmp slt i64 %".110", %".108"
  br i1 %".111", label %"body.3", label %"after.3"
body.3:
  %".113" = mul i64 %".32", %".97"
  %".114" = getelementptr float, ptr %".33", i64 %".113"
  %".115" = getelementptr float, ptr %".114", i64 %".110"
  %".116" = load <4 x float>, ptr %".115", align 4
  %".117" = select  i1 %".105", <4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>, <4 x float> %".116"
  %".118" = mul i64 %"state h.entered.row", %".97"
  %".119" = getelementptr float, ptr %"state h.entered", i64 %".118"
  %".120" = getelementptr float, ptr %".119", i64 %".110"
  store <4 x float> %".117", ptr %".120", align 4
  %".122" = add i64 %".110", 4
  br label %"head.3"
after.3:
  %".124" = icmp slt i64 %".108", %".107"
  br i1 %".124", label %"after.3.if", label %"after.3.endif"
after.3.if:
  %".126" = sub i64 %".107", %".108"
  %".127" = insertelement <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, i64 %".126", i32 0
  %".128" = shufflevector <4 x i64> %".127", <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, <4 x i32> <i32 0, i32 0, i32 0, i32 0>
  %".129" = icmp slt <4 x i64> <i64 0, i64 1, i64 2, i64 3>, %".128"
  %".130" = mul i64 %".32", %".97"
  %".131" = getelementptr float, ptr %".33", i64 %".130"
  %".132" = getelementptr float, ptr %".131", i64 %".108"
  %".133" = call <4 x float> @"llvm.masked.load.v4f32.p0"(ptr %".132", i32 4, <4 x i1> %".129", <4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>)
  %".134" = select  i1 %".105", <4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>, <4 x float> %".133"
  %".135" = mul i64 %"state h.entered.row", %".97"
  %".136" = getelementptr float, ptr %"state h.entered", i64 %".135"
  %".137" = getelementptr float, ptr %".136", i64 %".108"
  call void @"llvm.masked.store.v4f32.p0"(<4 x float> %".134", ptr %".137", i32 4, <4 x i1> %".129")
  br label %"after.3.endif"
after.3.endif:
  %".140" = add i64 %".97", 1
  br label %"head.2"
body.endif.endif.endif.if:
  %".147" = sub i64 %"steps", %".13"
  %".148" = icmp slt i64 %".147", %"chunk"
  %".149" = select  i1 %".148", i64 %".147", i64 %"chunk"
  %".151" = icmp ne i64 %"joined", 0
  %".152" = mul i64 %".149", %"last"
  %".153" = sub i64 %".64", %"first"
  %".154" = select  i1 %".151", i64 %".152", i64 %".153"
  %".155" = select  i1 %".151", i64 1, i64 %".149"
  %".161" = mul i64 %"input x.time", %".13"
  %".162" = getelementptr float, ptr %"input x", i64 %".161"
  %".166" = mul i64 %"product 0.0.time", 0
  %".167" = getelementptr float, ptr %"product 0.0", i64 %".166"
  %".169" = mul i64 %"input x.row", %"first"
  %".170" = getelementptr float, ptr %".162", i64 %".169"
  %".176" = mul i64 %"product 0.0.row", %"first"
  %".177" = getelementptr float, ptr %".167", i64 %".176"
  call void %".9"(i64 %".154", ptr %".170", i64 %"input x.row", i64 1, i64 %"matrix 0.0.depth", i64 %"matrix 0.0.columns", ptr %"matrix 0.0", ptr %".177", i64 %"product 0.0.row", i64 0, i64 %".155", i64 %"input x.time", i64 %"product 0.0.time")
  br label %"body.endif.endif.endif.endif"
body.endif.endif.endif.endif:
  %".180" = sub i64 %".64", %"first"
  %".181" = mul i64 %"product 0.0.time", %".16"
  %".182" = getelementptr float, ptr %"product 0.0", i64 %".181"
  %".183" = mul i64 %".144", %"first"
  %".184" = getelementptr float, ptr %".143", i64 %".183"
  %".189" = mul i64 %"product 0.0.row", %"first"
  %".190" = getelementptr float, ptr %".182", i64 %".189"
  call void %".9"(i64 %".180", ptr %".184", i64 %".144", i64 1, i64 %"matrix 0.1.depth", i64 %"matrix 0.1.columns", ptr %"matrix 0.1", ptr %".190", i64 %"product 0.0.row", i64 1, i64 1, i64 0, i64 0)
  br label %"head.4"
head.4:
  %".193" = phi  i64 [%"first", %"body.endif.endif.endif.endif"], [%".324", %"body.4.endif"]
  %".194" = icmp slt i64 %".193", %"last"
  br i1 %".194", label %"body.4", label %"after.4"
body.4:
  %".196" = mul i64 %".193", %"lengths.row"
  %".197" = getelementptr i64, ptr %"lengths", i64 %".196"
  %".198" = load i64, ptr %".197", align 8
  %".199" = icmp sge i64 %".13", %".198"
  br i1 %".199", label %"body.4.if", label %"body.4.else"
after.4:
  %".326" = add i64 %".13", 1
  br label %"head"
body.4.if:
  %".201" = mul i64 %"state h.row", %".193"
  %".202" = getelementptr float, ptr %".36", i64 %".201"
  %".203" = and i64 %".107", -4
  br label %"head.5"
body.4.else:
  %".222" = mul i64 %".13", %"resets.time"
  %".223" = mul i64 %".193", %"resets.row"
  %".224" = add i64 %".222", %".223"
  %".225" = getelementptr i8, ptr %"resets", i64 %".224"
  %".226" = load i8, ptr %".225", align 1
  %".227" = icmp ne i8 %".226", 0
  %".228" = mul i64 %"product 0.0.time", %".16"
  %".229" = getelementptr float, ptr %"product 0.0", i64 %".228"
  %".230" = mul i64 %"product 0.0.row", %".193"
  %".231" = getelementptr float, ptr %".229", i64 %".230"
  %".236" = mul i64 %"parameter bias_ih.u.time", %".13"
  %".237" = getelementptr float, ptr %"parameter bias_ih.u", i64 %".236"
  %".239" = mul i64 %"parameter bias_ih.u.row", %".193"
  %".240" = getelementptr float, ptr %".237", i64 %".239"
  %".241" = mul i64 %"state h.row", %".193"
  %".242" = getelementptr float, ptr %".36", i64 %".241"
  %".243" = and i64 %"size unit", -4
  br label %"head.6"
body.4.endif:
  %".324" = add i64 %".193", 1
  br label %"head.4"
head.5:
  %".205" = phi  i64 [0, %"body.4.if"], [%".210", %"body.5"]
  %".206" = icmp slt i64 %".205", %".203"
  br i1 %".206", label %"body.5", label %"after.5"
body.5:
  %".208" = getelementptr float, ptr %".202", i64 %".205"
  store <4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>, ptr %".208", align 4
  %".210" = add i64 %".205", 4
  br label %"head.5"
after.5:
  %".212" = icmp slt i64 %".203", %".107"
  br i1 %".212", label %"after.5.if", label %"after.5.endif"
after.5.if:
  %".214" = sub i64 %".107", %".203"
  %".215" = insertelement <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, i64 %".214", i32 0
  %".216" = shufflevector <4 x i64> %".215", <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, <4 x i32> <i32 0, i32 0, i32 0, i32 0>
  %".217" = icmp slt <4 x i64> <i64 0, i64 1, i64 2, i64 3>, %".216"
  %".218" = getelementptr float, ptr %".202", i64 %".203"
  call void @"llvm.masked.store.v4f32.p0"(<4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>, ptr %".218", i32 4, <4 x i1> %".217")
  br label %"after.5.endif"
after.5.endif:
  br label %"body.4.endif"
head.6:
  %".245" = phi  i64 [0, %"body.4.else"], [%".281", %"body.6"]
  %".246" = icmp slt i64 %".245", %".243"
  br i1 %".246", label %"body.6", label %"after.6"
body.6:
  %".248" = getelementptr float, ptr %".231", i64 %".245"
  %".249" = load <4 x float>, ptr %".248", align 4
  %".250" = getelementptr float, ptr %".240", i64 %".245"
  %".251" = load <4 x float>, ptr %".250", align 4
  %".252" = fadd contract <4 x float> %".249", %".251"
  %".253" = fcmp olt <4 x float> <float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000>, %".252"
  %".254" = select  <4 x i1> %".253", <4 x float> <float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000>, <4 x float> %".252"
  %".255" = fcmp olt <4 x float> %".254", <float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000>
  %".256" = select  <4 x i1> %".255", <4 x float> <float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000>, <4 x float> %".254"
  %".257" = fadd contract <4 x float> %".256", %".256"
  %".258" = fmul <4 x float> %".257", <float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000>
  %".259" = fadd <4 x float> %".258", <float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000>
  %".260" = fsub <4 x float> %".259", <float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000>
  %".261" = bitcast <4 x float> %".259" to <4 x i32>
  %".262" = sub <4 x i32> %".261", <i32 1262485504, i32 1262485504, i32 1262485504, i32 1262485504>
  %".263" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".260", <4 x float> <float 0xbfe62e0000000000, float 0xbfe62e0000000000, float 0xbfe62e0000000000, float 0xbfe62e0000000000>, <4 x float> %".257")
  %".264" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".260", <4 x float> <float 0xbf00bfbe80000000, float 0xbf00bfbe80000000, float 0xbf00bfbe80000000, float 0xbf00bfbe80000000>, <4 x float> %".263")
  %".265" = add <4 x i32> %".262", <i32 127, i32 127, i32 127, i32 127>
  %".266" = shl <4 x i32> %".265", <i32 23, i32 23, i32 23, i32 23>
  %".267" = bitcast <4 x i32> %".266" to <4 x float>
  %".268" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> <float 0x3f2a01a020000000, float 0x3f2a01a020000000, float 0x3f2a01a020000000, float 0x3f2a01a020000000>, <4 x float> %".264", <4 x float> <float 0x3f56c16c20000000, float 0x3f56c16c20000000, float 0x3f56c16c20000000, float 0x3f56c16c20000000>)
  %".269" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".268", <4 x float> %".264", <4 x float> <float 0x3f81111120000000, float 0x3f81111120000000, float 0x3f81111120000000, float 0x3f81111120000000>)
  %".270" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".269", <4 x float> %".264", <4 x float> <float 0x3fa5555560000000, float 0x3fa5555560000000, float 0x3fa5555560000000, float 0x3fa5555560000000>)
  %".271" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".270", <4 x float> %".264", <4 x float> <float 0x3fc5555560000000, float 0x3fc5555560000000, float 0x3fc5555560000000, float 0x3fc5555560000000>)
  %".272" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".271", <4 x float> %".264", <4 x float> <float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000>)
  %".273" = fmul contract <4 x float> %".264", %".264"
  %".274" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".273", <4 x float> %".272", <4 x float> %".264")
  %".275" = fsub contract <4 x float> %".267", <float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000>
  %".276" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".267", <4 x float> %".274", <4 x float> %".275")
  %".277" = fadd contract <4 x float> %".276", <float 0x4000000000000000, float 0x4000000000000000, float 0x4000000000000000, float 0x4000000000000000>
  %".278" = fdiv <4 x float> %".276", %".277"
  %".279" = getelementptr float, ptr %".242", i64 %".245"
  store <4 x float> %".278", ptr %".279", align 4
  %".281" = add i64 %".245", 4
  br label %"head.6"
after.6:
  %".283" = icmp slt i64 %".243", %"size unit"
  br i1 %".283", label %"after.6.if", label %"after.6.endif"
after.6.if:
  %".285" = sub i64 %"size unit", %".243"
  %".286" = insertelement <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, i64 %".285", i32 0
  %".287" = shufflevector <4 x i64> %".286", <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, <4 x i32> <i32 0, i32 0, i32 0, i32 0>
  %".288" = icmp slt <4 x i64> <i64 0, i64 1, i64 2, i64 3>, %".287"
  %".289" = getelementptr float, ptr %".231", i64 %".243"
  %".290" = call <4 x float> @"llvm.masked.load.v4f32.p0"(ptr %".289", i32 4, <4 x i1> %".288", <4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>)
  %".291" = getelementptr float, ptr %".240", i64 %".243"
  %".292" = call <4 x float> @"llvm.masked.load.v4f32.p0"(ptr %".291", i32 4, <4 x i1> %".288", <4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>)
  %".293" = fadd contract <4 x float> %".290", %".292"
  %".294" = fcmp olt <4 x float> <float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000>, %".293"
  %".295" = select  <4 x i1> %".294", <4 x float> <float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000>, <4 x float> %".293"
  %".296" = fcmp olt <4 x float> %".295", <float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000>
  %".297" = select  <4 x i1> %".296", <4 x float> <float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000>, <4 x float> %".295"
  %".298" = fadd contract <4 x float> %".297", %".297"
  %".299" = fmul <4 x float> %".298", <float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000>
  %".300" = fadd <4 x float> %".299", <float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000>
  %".301" = fsub <4 x float> %".300", <float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000>
  %".302" = bitcast <4 x float> %".300" to <4 x i32>
  %".303" = sub <4 x i32> %".302", <i32 1262485504, i32 1262485504, i32 1262485504, i32 1262485504>
  %".304" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".301", <4 x float> <float 0xbfe62e0000000000, float 0xbfe62e0000000000, float 0xbfe62e0000000000, float 0xbfe62e0000000000>, <4 x float> %".298")
  %".305" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".301", <4 x float> <float 0xbf00bfbe80000000, float 0xbf00bfbe80000000, float 0xbf00bfbe80000000, float 0xbf00bfbe80000000>, <4 x float> %".304")
  %".306" = add <4 x i32> %".303", <i32 127, i32 127, i32 127, i32 127>
  %".307" = shl <4 x i32> %".306", <i32 23, i32 23, i32 23, i32 23>
  %".308" = bitcast <4 x i32> %".307" to <4 x float>
  %".309" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> <float 0x3f2a01a020000000, float 0x3f2a01a020000000, float 0x3f2a01a020000000, float 0x3f2a01a020000000>, <4 x float> %".305", <4 x float> <float 0x3f56c16c20000000, float 0x3f56c16c20000000, float 0x3f56c16c20000000, float 0x3f56c16c20000000>)
  %".310" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".309", <4 x float> %".305", <4 x float> <float 0x3f81111120000000, float 0x3f81111120000000, float 0x3f81111120000000, float 0x3f81111120000000>)
  %".311" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".310", <4 x float> %".305", <4 x float> <float 0x3fa5555560000000, float 0x3fa5555560000000, float 0x3fa5555560000000, float 0x3fa5555560000000>)
  %".312" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".311", <4 x float> %".305", <4 x float> <float 0x3fc5555560000000, float 0x3fc5555560000000, float 0x3fc5555560000000, float 0x3fc5555560000000>)
  %".313" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".312", <4 x float> %".305", <4 x float> <float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000>)
  %".314" = fmul contract <4 x float> %".305", %".305"
  %".315" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".314", <4 x float> %".313", <4 x float> %".305")
  %".316" = fsub contract <4 x float> %".308", <float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000>
  %".317" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".308", <4 x float> %".315", <4 x float> %".316")
  %".318" = fadd contract <4 x float> %".317", <float 0x4000000000000000, float 0x4000000000000000, float 0x4000000000000000, float 0x4000000000000000>
  %".319" = fdiv <4 x float> %".317", %".318"
  %".320" = getelementptr float, ptr %".242", i64 %".243"
  call void @"llvm.masked.store.v4f32.p0"(<4 x float> %".319", ptr %".320", i32 4, <4 x i1> %".288")
  br label %"after.6.endif"
after.6.endif:
  br label %"body.4.endif"
head.7:
  %".329" = phi  i64 [%"first", %"after"], [%".374", %"after.8.endif"]
  %".330" = icmp slt i64 %".329", %"last"
  br i1 %".330", label %"body.7", label %"after.7"
body.7:
  %".332" = mul i64 %".329", %"lengths.row"
  %".333" = getelementptr i64, ptr %"lengths", i64 %".332"
  %".334" = load i64, ptr %".333", align 8
  %".335" = icmp slt i64 %".334", %"steps"
  %".336" = select  i1 %".335", i64 %".334", i64 %"steps"
  %".337" = icmp sle i64 %".336", 0
  %".338" = sub i64 %".336", 1
  %".339" = and i64 %".338", %"state h.mask"
  %".340" = mul i64 %"state h.time", %".339"
  %".341" = getelementptr float, ptr %"state h", i64 %".340"
  %".342" = select  i1 %".337", i64 %"state h.initial.row", i64 %"state h.row"
  %".343" = select  i1 %".337", ptr %"state h.initial", ptr %".341"
  %".348" = mul i64 %"final h.row", %".329"
  %".349" = getelementptr float, ptr %"final h", i64 %".348"
  %".350" = mul i64 %".342", %".329"
  %".351" = getelementptr float, ptr %".343", i64 %".350"
  %".352" = and i64 %".107", -4
  br label %"head.8"
after.7:
  ret void
head.8:
  %".354" = phi  i64 [0, %"body.7"], [%".361", %"body.8"]
  %".355" = icmp slt i64 %".354", %".352"
  br i1 %".355", label %"body.8", label %"after.8"
body.8:
  %".357" = getelementptr float, ptr %".351", i64 %".354"
  %".358" = load <4 x float>, ptr %".357", align 4
  %".359" = getelementptr float, ptr %".349", i64 %".354"
  store <4 x float> %".358", ptr %".359", align 4
  %".361" = add i64 %".354", 4
  br label %"head.8"
after.8:
  %".363" = icmp slt i64 %".352", %".107"
  br i1 %".363", label %"after.8.if", label %"after.8.endif"
after.8.if:
  %".365" = sub i64 %".107", %".352"
  %".366" = insertelement <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, i64 %".365", i32 0
  %".367" = shufflevector <4 x i64> %".366", <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, <4 x i32> <i32 0, i32 0, i32 0, i32 0>
  %".368" = icmp slt <4 x i64> <i64 0, i64 1, i64 2, i64 3>, %".367"
  %".369" = getelementptr float, ptr %".351", i64 %".352"
  %".370" = call <4 x float> @"llvm.masked.load.v4f32.p0"(ptr %".369", i32 4, <4 x i1> %".368", <4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>)
  %".371" = getelementptr float, ptr %".349", i64 %".352"
  call void @"llvm.masked.store.v4f32.p0"(<4 x float> %".370", ptr %".371", i32 4, <4 x i1> %".368")
  br label %"after.8.endif"
after.8.endif:
  %".374" = add i64 %".329", 1
  br label %"head.7"
}

declare <4 x float> @"llvm.masked.load.v4f32.p0"(ptr %".1", i32 %".2", <4 x i1> %".3", <4 x float> %".4")

declare void @"llvm.masked.store.v4f32.p0"(<4 x float> %".1", ptr %".2", i32 %".3", <4 x i1> %".4")

declare <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".1", <4 x float> %".2", <4 x float> %".3")
